"""What a scorer has served: how many submissions and images, how long each took."""

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# latencies of the latest submissions stand for all
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class TrafficReport:
    """Counts and times of a scorer's submissions so far.

    Attributes:
        submissions, failed, in_flight: Finished with a record; ended by an error; not yet done.
        images: Images scored, rejected or served from the cache.
        busy_seconds: Time in which at least one submission was in flight.
        images_per_second: `images` over `busy_seconds`; None before anything was done.
        latency_median, latency_p95, latency_max: Seconds from call to record, over the latest
            1,000 submissions; None before the first.
    """

    submissions: int
    failed: int
    in_flight: int
    images: int
    busy_seconds: float
    images_per_second: float | None
    latency_median: float | None
    latency_p95: float | None
    latency_max: float | None


class Traffic:
    """Counts what is served; any number of threads may be counted at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._submissions = self._failed = self._in_flight = self._images = 0
        self._busy = self._since = 0.0
        self._latencies: deque[float] = deque(maxlen=_REMEMBERED)

    @contextmanager
    def counted(self) -> Iterator[Callable[[], None]]:
        """Time one submission; the value is called for each image that is done."""
        start = time.perf_counter()
        with self._lock:
            if self._in_flight == 0:
                self._since = start
            self._in_flight += 1
        finished = False
        try:
            yield self._image
            finished = True
        finally:
            self._end(start, finished)

    def report(self) -> TrafficReport:
        """Counts and times up to now."""
        with self._lock:
            now = time.perf_counter()
            busy = self._busy + (now - self._since if self._in_flight else 0.0)
            latencies = sorted(self._latencies)
            return TrafficReport(
                submissions=self._submissions,
                failed=self._failed,
                in_flight=self._in_flight,
                images=self._images,
                busy_seconds=busy,
                images_per_second=self._images / busy if busy else None,
                latency_median=statistics.median(latencies) if latencies else None,
                latency_p95=latencies[int(0.95 * (len(latencies) - 1))] if latencies else None,
                latency_max=latencies[-1] if latencies else None,
            )

    def _image(self) -> None:
        with self._lock:
            self._images += 1

    def _end(self, start: float, finished: bool) -> None:
        with self._lock:
            now = time.perf_counter()
            self._in_flight -= 1
            if self._in_flight == 0:
                self._busy += now - self._since
            if finished:
                self._submissions += 1
                self._latencies.append(now - start)
            else:
                self._failed += 1
