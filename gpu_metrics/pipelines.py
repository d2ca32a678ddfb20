"""How images flow from files to numbers: over the cores of a CPU, or through one GPU."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from jaxtyping import UInt8
from torch import Tensor

from gpu_metrics.errors import DeviceError, EngineError
from gpu_metrics.lanes import ahead, lanes
from gpu_metrics.precision import repeatable
from gpu_metrics.results import Rejection
from gpu_metrics.submissions import Candidate, Loaded, Origin, Stored
from gpu_metrics.timeline import span

Load = Callable[[Candidate], Loaded | Stored | Rejection]
"""Reads and decodes a candidate, or tells what is known of it already."""

Measure = Callable[[UInt8[Tensor, "B 3 H W"], Sequence[Loaded]], Tensor]
"""Values `(B, M)` of a batch of one shape, on the device."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Where an image came from, and the value of every measure as the device gave it."""

    origin: Origin
    numbers: list[float]


Result = Measured | Stored | Rejection


class Pipeline(Protocol):
    """Takes candidates to results, in their order; any number of threads may run it at once."""

    def run(
        self, candidates: Iterable[Candidate], load: Load, measure: Measure
    ) -> Generator[Result, None, None]:
        """Results of the candidates; memory does not grow with their number."""


class Cores:
    """A CPU: one thread reads, decodes and measures an image, and every core has its thread."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._lanes = lanes(threads)

    def run(
        self, candidates: Iterable[Candidate], load: Load, measure: Measure
    ) -> Generator[Result, None, None]:
        """Each image alone, from its bytes to its numbers."""

        def work(candidate: Candidate) -> Result:
            found = load(candidate)
            if not isinstance(found, Loaded):
                return found
            with repeatable():
                values = _fitting(found.pixels[None], [found], measure)
            return Measured(found.origin, values[0].tolist())

        return ahead(self._lanes, work, candidates, most=2 * self._threads)


class OneGpu:
    """A GPU: threads decode into pinned memory, one thread keeps copies and kernels in flight.

    Batch by batch, a stream copies while another computes; at most three batches wait on the
    device, and numbers come back once, at the end.

    Args:
        batch_pixels: Pixels computed at once.
    """

    def __init__(self, device: torch.device, threads: int, batch_pixels: float) -> None:
        self._device = device
        self._threads = threads
        self._batch_pixels = batch_pixels
        self._decoders = ThreadPoolExecutor(threads, thread_name_prefix="decoder")
        # one thread takes batches in the order they come: callers share the device evenly
        self._lane = ThreadPoolExecutor(1, thread_name_prefix="device")
        self._copies = torch.cuda.Stream(device) if device.type == "cuda" else None

    def run(
        self, candidates: Iterable[Candidate], load: Load, measure: Measure
    ) -> Generator[Result, None, None]:
        """Runs of images of one shape, decoded ahead of the device."""

        def staged(candidate: Candidate) -> Loaded | Stored | Rejection:
            found = load(candidate)
            if isinstance(found, Loaded) and self._copies is not None:
                with span("pin"):
                    return replace(found, pixels=_pinned(found.pixels))
            return found

        queued: list[tuple[list[Origin], Future[_Enqueued]]] = []
        results: list[Result | None] = []
        places: list[int] = []
        try:
            with closing(
                ahead(self._decoders, staged, candidates, most=2 * self._threads)
            ) as decoded:
                for batch in self._batches(decoded, results, places):
                    origins = [item.origin for item in batch]
                    future = self._lane.submit(copy_context().run, self._enqueue, batch, measure)
                    queued.append((origins, future))
                    if len(queued) > 2:
                        queued[-3][1].result().wait()
            values = [future.result().values for _, future in queued]
        finally:
            wait([future for _, future in queued if not future.cancel()])
        with span("wait for the device"), _device_faults(self._device):
            numbers: list[list[float]] = torch.cat(values).tolist() if values else []
        measured = (origin for origins, _ in queued for origin in origins)
        for place, origin, row in zip(places, measured, numbers, strict=True):
            results[place] = Measured(origin, row)
        yield from (result for result in results if result is not None)

    def _batches(
        self,
        decoded: Iterable[Loaded | Stored | Rejection],
        results: list[Result | None],
        places: list[int],
    ) -> Iterator[list[Loaded]]:
        """Images to measure in runs of one shape; all else goes to its place in `results`."""
        batch: list[Loaded] = []
        for found in decoded:
            results.append(None if isinstance(found, Loaded) else found)
            if not isinstance(found, Loaded):
                continue
            places.append(len(results) - 1)
            _, height, width = shape = found.pixels.shape
            full = (len(batch) + 1) * height * width > self._batch_pixels
            if batch and (full or batch[0].pixels.shape != shape):
                yield batch
                batch = []
            batch.append(found)
        if batch:
            yield batch

    def _enqueue(self, batch: list[Loaded], measure: Measure) -> "_Enqueued":
        """Put a batch on the device and return before it is done."""
        with repeatable(), _device_faults(self._device):
            values = _fitting(self._placed(batch), batch, measure)
            done = None
            if self._copies is not None:
                done = torch.cuda.Event()
                done.record(torch.cuda.current_stream(self._device))
            return _Enqueued(values, done)

    def _placed(self, batch: list[Loaded]) -> UInt8[Tensor, "B 3 H W"]:
        """The batch on the device, interleaved as it was decoded."""
        if self._copies is None:
            return torch.stack([item.pixels.movedim(0, -1) for item in batch]).movedim(-1, 1)
        _, height, width = batch[0].pixels.shape
        with torch.cuda.stream(self._copies), span("copy", self._device):
            x = torch.empty(len(batch), height, width, 3, dtype=torch.uint8, device=self._device)
            for place, item in zip(x, batch, strict=True):
                place.copy_(item.pixels.movedim(0, -1), non_blocking=True)
        compute = torch.cuda.current_stream(self._device)
        compute.wait_stream(self._copies)
        x.record_stream(compute)
        return x.movedim(-1, 1)


@dataclass(frozen=True, slots=True)
class _Enqueued:
    values: Tensor
    done: Any

    def wait(self) -> None:
        if self.done is not None:
            self.done.synchronize()


def _fitting(x: Tensor, batch: Sequence[Loaded], measure: Measure) -> Tensor:
    """Values of a batch; one that does not fit into memory is halved, which moves no digit."""
    try:
        return measure(x, batch)
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
    # the error is gone here: while it lives, its frames hold the memory of what failed
    if len(batch) == 1:
        image = batch[0].origin.target
        raise EngineError(
            f"{image.id}: one image of {image.size} does not fit into the memory of {x.device}; "
            "free some, or use the device 'cpu'"
        )
    half = len(batch) // 2
    parts = (x[:half], batch[:half]), (x[half:], batch[half:])
    return torch.cat([_fitting(*part, measure) for part in parts])


def _out_of_memory(error: RuntimeError) -> bool:
    # on a CPU torch has no type for it
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


class _device_faults:
    """Turns what a broken device raises into a DeviceError: its context is lost for good."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, torch.AcceleratorError):
            raise DeviceError(
                f"{self._device} failed, and this process cannot use it again; a fresh process "
                f"can: {error}"
            ) from error


def _pinned(pixels: UInt8[Tensor, "3 H W"]) -> UInt8[Tensor, "3 H W"]:
    return pixels.movedim(0, -1).contiguous().pin_memory().movedim(-1, 0)
