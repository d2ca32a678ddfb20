"""What NVRTC makes of every kernel, with production's flags, for every architecture."""

import re

import pytest

from gpu_metrics.errors import EngineError
from gpu_metrics.kernels import nvrtc
from gpu_metrics.kernels.cubins import ARCHITECTURES
from gpu_metrics.kernels.sources import kernel_names

FLOAT_ATOMIC = re.compile(r"\b(?:atom|red)\.\S*\.f(?:16|32|64)\b")
FUSED = re.compile(r"\bfma\.")
# approximations and libm calls, whose bits differ between devices and versions
INEXACT = re.compile(r"\b\w+\.(?:approx|full)\S*|\bcall\b")


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("name", kernel_names())
def test_compiles_within_registers_and_keeps_its_promises(name, arch):
    compiled = nvrtc.compile_kernel(name, arch)

    assert compiled.cubin.startswith(b"\x7fELF")
    assert "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads" in compiled.log
    assert not re.search(r"\.local\b", compiled.ptx)
    assert not FLOAT_ATOMIC.search(compiled.ptx)
    assert not FUSED.search(compiled.ptx)
    assert not INEXACT.search(compiled.ptx)


@pytest.mark.parametrize(
    ("body", "pattern"),
    [
        ("atomicAdd(out, 1.0);", FLOAT_ATOMIC),
        ("out[0] = fma(out[1], out[2], out[3]);", FUSED),
        ("out[0] = exp(out[1]); out[1] = __fdividef(out[2], out[3]);", INEXACT),
    ],
)
def test_the_gates_see_what_they_forbid(body, pattern):
    text = f'extern "C" __global__ void probe(double* out) {{ {body} }}'
    assert pattern.search(nvrtc.compile_text(text, "probe.cu", 90).ptx)


def test_a_local_array_shows_in_the_log():
    body = "double a[99]; for (int i = 0; i < 99; ++i) a[i] = out[i]; out[0] = a[(int)out[0]];"
    text = f'extern "C" __global__ void probe(double* out) {{ {body} }}'
    assert "0 bytes stack frame" not in nvrtc.compile_text(text, "probe.cu", 90).log


def test_a_syntax_error_names_file_and_line():
    with pytest.raises(EngineError, match=r"probe\.cu\(2\)"):
        nvrtc.compile_text("\nint oops", "probe.cu", 90)
