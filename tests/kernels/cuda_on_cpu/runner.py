"""Build a kernel for the host and launch it, in the place of CuPy."""

import ctypes
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gpu_metrics.kernels.launch import address
from gpu_metrics.kernels.sources import source

HERE = Path(__file__).parent
BUILDS = Path(tempfile.gettempdir(), f"gpu-metrics-cuda-on-cpu-{os.getuid()}")
# -ffp-contract=off is the host's --fmad=false
COMPILER = ("g++", "-std=c++17", "-O2", "-g", "-fPIC", "-shared", "-pthread", "-ffp-contract=off")
WARNINGS = ("-Wall", "-Werror", "-Wno-unknown-pragmas", "-Wno-address", "-Wno-unused")

Extent = tuple[int, ...]


class KernelFault(RuntimeError):
    """A kernel misused the machine: a barrier not reached by all, a shuffle with absent lanes."""


class Library:
    """One kernel compiled for the host, launched with arguments checked against its types."""

    def __init__(self, text: str, kernel: str, flags: tuple[str, ...] = ()) -> None:
        self.name = kernel
        self.path = _build(text, kernel, flags)
        self.library = ctypes.CDLL(str(self.path))
        self.library.cuda_on_cpu_signature.restype = ctypes.c_char_p
        self.library.cuda_on_cpu_report.restype = ctypes.c_char_p
        self.library.cuda_on_cpu_launch.restype = ctypes.c_bool
        self.types = tuple(self.library.cuda_on_cpu_signature().decode().split())

    def launch(
        self, grid: Extent, block: Extent, values: Sequence[np.generic], *, seed: int = 0
    ) -> None:
        """Run all blocks; `seed` chooses the order of blocks and warps, 0 the natural one."""
        if len(values) != len(self.types):
            raise TypeError(f"{self.name} takes {len(self.types)} arguments, got {len(values)}")
        for declared, value in zip(self.types, values, strict=True):
            passed = "uint64" if declared.endswith("*") else declared
            if not isinstance(value, np.generic) or value.dtype.name != passed:
                raise TypeError(f"{self.name}: expected {declared}, got {value!r}")
        if not 1 <= prod(block) <= 1024:
            raise ValueError(f"{self.name}: a block has 1 to 1024 threads, got {block}")
        if not all(
            1 <= n <= most for n, most in zip(grid, (2**31 - 1, 65535, 65535), strict=False)
        ):
            raise ValueError(f"{self.name}: no grid of {grid} blocks exists")
        memory = [ctypes.create_string_buffer(value.tobytes()) for value in values]
        addresses = (ctypes.c_void_p * len(memory))(*map(ctypes.addressof, memory))
        if not self.library.cuda_on_cpu_launch(
            _extent(grid), _extent(block), addresses, ctypes.c_uint64(seed)
        ):
            raise KernelFault(f"{self.name}: {self.library.cuda_on_cpu_report().decode()}")


class CpuRunner:
    """A backend of `gpu_metrics.kernels.launch` that executes kernels on CPU tensors.

    Args:
        seed: Schedule of blocks and warps; 0 is the natural order.
        flags: More compiler flags, for sanitizers.
        edit: Change of the kernel's source, for mutation tests.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        flags: tuple[str, ...] = (),
        edit: Callable[[str], str] = lambda text: text,
    ) -> None:
        self.seed = seed
        self.flags = flags
        self.edit = edit
        self.launched: list[tuple[str, Extent]] = []

    def refusal(self, device: torch.device) -> str | None:
        return None if device.type == "cpu" else f"device is {device.type}"

    def label(self, device: torch.device) -> str:
        return "kernel on a simulated device"

    def run(
        self,
        name: str,
        grid: Extent,
        block: Extent,
        arguments: Sequence[np.generic | Tensor],
        device: torch.device,
    ) -> None:
        values = [address(a) if isinstance(a, Tensor) else a for a in arguments]
        self.launched.append((name, grid))
        library = _library(self.edit(source(name)), name, self.flags)
        library.launch(grid, block, values, seed=self.seed)


@cache
def _library(text: str, kernel: str, flags: tuple[str, ...]) -> Library:
    return Library(text, kernel, flags)


def _extent(sides: Extent) -> ctypes.Array:
    return (ctypes.c_uint * 3)(*(sides + (1, 1))[:3])


def _build(text: str, kernel: str, flags: tuple[str, ...]) -> Path:
    machine = "threads.h" if "-DONE_OS_THREAD_EACH" in flags else "fibers.h"
    unit = "\n".join(
        [f'#include "{HERE}/device.h"', text, *_includes("block.h", machine, "entry.h")]
    )
    command = [*COMPILER, *WARNINGS, f"-DKERNEL={kernel}", *flags]
    headers = [path.read_text() for path in sorted(HERE.glob("*.h"))]
    digest = hashlib.sha256("\0".join([unit, *headers, *command]).encode()).hexdigest()[:16]
    BUILDS.mkdir(mode=0o700, exist_ok=True)
    library = BUILDS / f"{kernel}-{digest}.so"
    if not library.exists():
        part = library.with_suffix(f".{os.getpid()}")
        built = subprocess.run(
            [*command, "-x", "c++", "-", "-o", part],
            input=unit,
            # a preloaded sanitizer would slow the compiler down, too
            env={key: value for key, value in os.environ.items() if key != "LD_PRELOAD"},
            capture_output=True,
            text=True,
        )
        if built.returncode:
            raise SyntaxError(built.stderr)
        os.replace(part, library)
    return library


def _includes(*headers: str) -> list[str]:
    return [f'#include "{HERE}/{header}"' for header in headers]
