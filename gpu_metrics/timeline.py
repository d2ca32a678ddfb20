"""Where the time of a run goes: spans of work by stage and thread, on the host and on a GPU."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from gpu_metrics.results import write_atomically


@dataclass(frozen=True, slots=True)
class Span:
    """One piece of work, in seconds since the time line began."""

    stage: str
    where: str
    start: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Stage:
    """All spans of one stage: how many, how long, and their share of all the work there was."""

    name: str
    count: int
    seconds: float
    share: float


@dataclass
class Timeline:
    """Spans recorded inside `recording`; `finish` adds those that ran on a GPU."""

    spans: list[Span] = field(default_factory=list)
    _began: float = field(default_factory=time.perf_counter)
    _on_device: list[tuple[str, Any, Any]] = field(default_factory=list)
    _base: Any = None
    _base_at: float = 0.0

    def stages(self) -> list[Stage]:
        """What each stage took, the longest first. Spans of parallel threads add up."""
        total = sum(span.seconds for span in self.spans)
        names = dict.fromkeys(span.stage for span in self.spans)
        rows = []
        for name in names:
            own = [span.seconds for span in self.spans if span.stage == name]
            rows.append(Stage(name, len(own), sum(own), sum(own) / total if total else 0.0))
        return sorted(rows, key=lambda row: -row.seconds)

    def save(self, path: str | Path) -> None:
        """Write the trace as JSON that Perfetto and chrome://tracing show."""
        threads = {where: number for number, where in enumerate(self._places())}
        events: list[dict[str, Any]] = [
            {"ph": "M", "pid": 0, "tid": number, "name": "thread_name", "args": {"name": where}}
            for where, number in threads.items()
        ]
        events += [
            {
                "ph": "X",
                "pid": 0,
                "tid": threads[span.where],
                "name": span.stage,
                "ts": round(1e6 * span.start, 1),
                "dur": round(1e6 * span.seconds, 1),
            }
            for span in self.spans
        ]
        write_atomically(Path(path), json.dumps({"traceEvents": events}) + "\n")

    def finish(self) -> None:
        """Read the clock of the GPU, once all its work is done."""
        if not self._on_device:
            return
        torch.cuda.synchronize()
        for stage, start, end in self._on_device:
            begin = self._base_at + self._base.elapsed_time(start) / 1e3
            self.spans.append(Span(stage, "gpu", begin, start.elapsed_time(end) / 1e3))
        self._on_device.clear()

    def add(self, stage: str, start: float) -> None:
        """Note that this thread has been busy with `stage` since `start`."""
        now = time.perf_counter()
        where = threading.current_thread().name
        self.spans.append(Span(stage, where, start - self._began, now - start))

    @contextmanager
    def on_device(self, stage: str) -> Iterator[None]:
        """Time the work that is put on the current CUDA stream meanwhile."""
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        if self._base is None:
            # ties the clock of the GPU to the host's
            self._base = torch.cuda.Event(enable_timing=True)
            self._base.record()
            self._base.synchronize()
            self._base_at = time.perf_counter() - self._began
        start.record()
        yield
        end.record()
        self._on_device.append((stage, start, end))

    def _places(self) -> list[str]:
        return sorted({span.where for span in self.spans})


_active: ContextVar[Timeline | None] = ContextVar("timeline", default=None)


@contextmanager
def recording() -> Iterator[Timeline]:
    """Record the spans of the work inside, in all the threads it is handed to."""
    timeline = Timeline()
    token = _active.set(timeline)
    try:
        yield timeline
    finally:
        _active.reset(token)
        timeline.finish()


@contextmanager
def span(stage: str, device: torch.device | None = None) -> Iterator[None]:
    """Time a stage if a time line is being recorded; on `device` if that is a GPU."""
    timeline = _active.get()
    if timeline is None:
        yield
    elif device is not None and device.type == "cuda":
        with timeline.on_device(stage):
            yield
    else:
        start = time.perf_counter()
        yield
        timeline.add(stage, start)
