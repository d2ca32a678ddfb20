"""Compilation of kernels with NVRTC, which needs neither a driver nor a CUDA toolkit."""

from importlib import import_module
from typing import Any, NamedTuple

from gpu_metrics.errors import EngineError
from gpu_metrics.kernels.sources import source

# no fused multiply-add and no flush to zero: the bits of a score must not depend on a compiler
FLAGS = ("--std=c++17", "--fmad=false", "-lineinfo", "-Xptxas=-v")


class Compiled(NamedTuple):
    """What NVRTC made of a kernel for one architecture, and what it said."""

    cubin: bytes
    ptx: str
    log: str


def version() -> str:
    """Version of NVRTC, for example "13.2"."""
    major, minor = _call("nvrtcVersion")
    return f"{major}.{minor}"


def compile_kernel(name: str, arch: int, *, flags: tuple[str, ...] = FLAGS) -> Compiled:
    """Compile `name.cu` for compute capability `arch` (90 stands for sm_90)."""
    return compile_text(source(name), f"{name}.cu", arch, flags=flags)


def compile_text(text: str, title: str, arch: int, *, flags: tuple[str, ...] = FLAGS) -> Compiled:
    """Compile kernel source; raises EngineError with the compiler's own words."""
    program = _call("nvrtcCreateProgram", text.encode(), title.encode(), 0, None, None)
    try:
        options = [flag.encode() for flag in (f"--gpu-architecture=sm_{arch}", *flags)]
        status = _nvrtc().nvrtcCompileProgram(program, len(options), options)[0]
        log = _output("ProgramLog", program).decode().rstrip("\0 \n")
        if status != _nvrtc().nvrtcResult.NVRTC_SUCCESS:
            raise EngineError(f"{title}: NVRTC {version()} cannot compile for sm_{arch}: {log}")
        ptx = _output("PTX", program).decode().rstrip("\0")
        return Compiled(_output("CUBIN", program), ptx, log)
    finally:
        _call("nvrtcDestroyProgram", program)


def _output(what: str, program: Any) -> bytes:
    buffer: bytes = b" " * _call(f"nvrtcGet{what}Size", program)
    _call(f"nvrtcGet{what}", program, buffer)
    return buffer


def _call(function: str, *arguments: Any) -> Any:
    nvrtc = _nvrtc()
    status, *results = getattr(nvrtc, function)(*arguments)
    if status != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        raise EngineError(f"{function}: {nvrtc.nvrtcGetErrorString(status)[1].decode()}")
    return results[0] if len(results) == 1 else results


def _nvrtc() -> Any:
    try:
        nvrtc = import_module("cuda.bindings.nvrtc")
    except ImportError as error:
        raise EngineError(
            "kernels cannot be compiled without the packages cuda-bindings and nvidia-cuda-nvrtc; "
            "install them or point GPU_METRICS_CUBINS at a folder of compiled kernels"
        ) from error
    return nvrtc
