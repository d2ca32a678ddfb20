"""The one place that meets CuPy: what serves a call, and the launch of a kernel."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from gpu_metrics.errors import EngineError, InputError
from gpu_metrics.kernels.cubins import ARCHITECTURES, cubin, renewed_cubin
from gpu_metrics.kernels.sources import Parameter, signature

try:
    cupy: Any = import_module("cupy")
except ImportError:
    cupy = None

Extent = tuple[int, ...]
Paths = dict[str, set[str]]
Server = Literal["kernel", "compiled", "twin"]

MOST_BLOCKS = (2**31 - 1, 65_535, 65_535)

_POINTERS = {
    "unsigned char": (torch.uint8, torch.bool),
    "int": (torch.int32,),
    "long long": (torch.int64,),
    "unsigned long long": (torch.int64,),
    "float": (torch.float32,),
    "double": (torch.float64,),
}
_SCALARS: dict[str, type[np.generic]] = {
    "int": np.int32,
    "long long": np.int64,
    "float": np.float32,
    "double": np.float64,
}


@runtime_checkable
class Backend(Protocol):
    """Something that can execute kernels."""

    def refusal(self, device: torch.device) -> str | None:
        """Why kernels cannot run on tensors of `device`; None if they can."""

    def label(self, device: torch.device) -> str:
        """What runs the kernel, for the record."""

    def run(
        self,
        name: str,
        grid: Extent,
        block: Extent,
        arguments: Sequence[np.generic | Tensor],
        device: torch.device,
    ) -> None:
        """Execute kernel `name` on arguments that fit its declaration."""


class Cuda:
    """CuPy on torch's memory, torch's current stream, and never a synchronisation."""

    def refusal(self, device: torch.device) -> str | None:
        """A device other than CUDA, no CuPy, or a GPU older than NVRTC compiles for."""
        if device.type != "cuda":
            return f"device is {device.type}"
        if cupy is None:
            return "CuPy is not installed"
        architecture = _architecture(device.index)
        oldest = min(ARCHITECTURES)
        return f"sm_{architecture} is older than sm_{oldest}" if architecture < oldest else None

    def label(self, device: torch.device) -> str:
        """The architecture the kernel is compiled for."""
        return f"kernel on sm_{_architecture(device.index)}"

    def run(
        self,
        name: str,
        grid: Extent,
        block: Extent,
        arguments: Sequence[np.generic | Tensor],
        device: torch.device,
    ) -> None:
        """Enqueue the kernel and return."""
        values = tuple(address(a) if isinstance(a, Tensor) else a for a in arguments)
        try:
            with cupy.cuda.Device(device.index), _torch_stream(device):
                _function(name, device.index)(grid, block, values)
        except (cupy.cuda.driver.CUDADriverError, cupy.cuda.runtime.CUDARuntimeError) as error:
            raise EngineError(f"kernel {name} cannot run on {device}: {error}") from error


_CUDA = Cuda()
_COMPILED = "compiled for the CPU"
_backend: ContextVar[Backend | None] = ContextVar("backend", default=None)
_paths: ContextVar[Paths | None] = ContextVar("paths", default=None)


def server(name: str, *tensors: Tensor, refusal: str | None = None) -> Server:
    """What serves kernel `name` on these tensors: the kernel, its compiled form, or its twin.

    The choice is noted for whoever listens through `recorded`. Only twins have a backward pass,
    so they take tensors that need a gradient; a caller may add a `refusal`.
    """
    taken = path(tensors[0].device)
    if refusal is not None:
        taken = f"twin: {refusal}"
    if any(t.requires_grad for t in tensors) and torch.is_grad_enabled():
        taken = "twin: gradients are needed"
    if any(t.numel() == 0 for t in tensors):
        taken = "twin: nothing to compute"
    if (paths := _paths.get()) is not None:
        paths.setdefault(name, set()).add(taken)
    if taken.startswith("twin"):
        return "twin"
    return "compiled" if taken == _COMPILED else "kernel"


def path(device: torch.device) -> str:
    """What serves tensors of `device`: the kernel on what, its compiled form, or the twin, and why.

    A backend that takes CPU tensors comes before the compiled form.
    """
    backend = _backend.get() or _CUDA
    refusal = backend.refusal(device)
    if refusal is None:
        return backend.label(device)
    return _COMPILED if device.type == "cpu" else f"twin: {refusal}"


@contextmanager
def recorded() -> Iterator[Paths]:
    """Collect, for each kernel called in this thread of work, the paths that served it."""
    paths: Paths = {}
    token = _paths.set(paths)
    try:
        yield paths
    finally:
        _paths.reset(token)


@contextmanager
def using(backend: Backend) -> Iterator[None]:
    """Let `backend` execute the kernels launched inside."""
    token = _backend.set(backend)
    try:
        yield
    finally:
        _backend.reset(token)


def launch(name: str, grid: Extent, block: Extent, *arguments: Tensor | int | float) -> None:
    """Run kernel `name` with arguments typed as it declares them; returns before it is done."""
    if any(n > most for n, most in zip(grid, MOST_BLOCKS, strict=False)):
        raise InputError(
            f"{name}: a grid has at most {MOST_BLOCKS} blocks, got {grid}; split the batch"
        )
    declared = signature(name)
    if len(arguments) != len(declared):
        raise InputError(f"{name}: expected {len(declared)} arguments, got {len(arguments)}")
    device = next(a.device for a in arguments if isinstance(a, Tensor))
    typed = [_typed(name, p, a, device) for p, a in zip(declared, arguments, strict=True)]
    (_backend.get() or _CUDA).run(name, grid, block, typed, device)


def address(tensor: Tensor) -> np.generic:
    """Where the elements of `tensor` start, as a kernel takes it."""
    return np.uintp(tensor.data_ptr())


def _typed(
    name: str, parameter: Parameter, argument: Tensor | int | float, device: torch.device
) -> np.generic | Tensor:
    """Match an argument to its C type: CuPy would send any bare number as eight bytes."""
    place = f"{name}, argument {parameter.name}"
    if not parameter.pointer:
        if isinstance(argument, Tensor):
            raise InputError(f"{place}: expected a number, got a tensor")
        scalar = _SCALARS[parameter.ctype]
        if isinstance(argument, float) and issubclass(scalar, np.integer):
            raise InputError(f"{place}: expected an integer, got {argument}")
        try:
            return scalar(argument)
        except OverflowError as error:
            raise InputError(f"{place}: {argument} does not fit {parameter.ctype}") from error
    if not isinstance(argument, Tensor):
        raise InputError(f"{place}: expected a tensor, got {argument!r}")
    if argument.dtype not in _POINTERS[parameter.ctype]:
        raise InputError(f"{place}: expected {parameter.ctype} elements, got {argument.dtype}")
    if argument.device != device:
        raise InputError(f"{place}: expected a tensor on {device}, got one on {argument.device}")
    return argument


@cache
def _architecture(index: int) -> int:
    major, minor = torch.cuda.get_device_capability(index)
    return 10 * major + minor


@cache
def _function(name: str, index: int) -> Any:
    architecture = _architecture(index)
    try:
        return _loaded(name, cubin(name, architecture))
    except cupy.cuda.driver.CUDADriverError:
        # a file that was damaged on the disk is replaced, once
        return _loaded(name, renewed_cubin(name, architecture))


def _loaded(name: str, file: Path) -> Any:
    return cupy.RawModule(path=str(file)).get_function(name)


class _Borrowed:
    """A stream that torch owns, in the form CuPy takes over."""

    def __init__(self, pointer: int) -> None:
        self.pointer = pointer

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.pointer


def _torch_stream(device: torch.device) -> Any:
    pointer = torch.cuda.current_stream(device).cuda_stream
    if hasattr(cupy.cuda.Stream, "from_external"):
        return cupy.cuda.Stream.from_external(_Borrowed(pointer))
    return cupy.cuda.ExternalStream(pointer, device.index)
