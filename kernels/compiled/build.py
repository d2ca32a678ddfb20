"""Compilation of kernels for the CPU by Numba, on their first use; the machine code is kept."""

import inspect
from collections.abc import Callable
from functools import cache, partial
from hashlib import sha256
from importlib import import_module
from importlib.resources import files
from typing import Any, ParamSpec, TypeVar

from numba import njit

P = ParamSpec("P")
T = TypeVar("T")

# neither fast-math nor fused multiply-adds; what is divided by zero is infinite or NaN
_machine_code: Any = partial(njit, nogil=True, error_model="numpy")


def part(function: Callable[P, T]) -> Callable[P, T]:
    """Let kernels call this function, which becomes a part of them."""
    compiled: Callable[P, T] = _machine_code(forceinline=True)(inspect.unwrap(function))
    return compiled


@cache
def kernel(name: str) -> Callable[..., None]:
    """Kernel `name`, compiled for its one signature or loaded as an earlier process compiled it.

    Numba keeps machine code beside its source or in the user's cache folder, and tells processors
    and versions apart. Where neither can be written, each process compiles anew.
    """
    module = import_module(f"gpu_metrics.kernels.compiled.{name}")
    # without the type checks that tests put before it
    function: Any = inspect.unwrap(getattr(module, name))
    # Numba looks for changes in the file of the function alone, and files are found by this name
    function.__qualname__ = f"{name}-{_digest()}"
    compiled: Callable[..., None]
    try:
        compiled = _machine_code(module.SIGNATURE, cache=True)(function)
    except (OSError, RuntimeError):
        compiled = _machine_code(module.SIGNATURE)(function)
    return compiled


@cache
def _digest() -> str:
    """Name of the sources of all kernels."""
    sources = sorted(files(__package__).iterdir(), key=lambda path: path.name)
    texts = [path.read_bytes() for path in sources if path.name.endswith(".py")]
    return sha256(b"\0".join(texts)).hexdigest()[:16]
