"""A worker in this process, which shares its scorer with others."""

import threading
from collections.abc import Sequence

from gpu_metrics.engine import Scorer
from gpu_metrics.executors.plan import OnImages, Result, Task, attempt


class LocalWorker:
    """Scores in the thread that asks."""

    def __init__(self, scorer: Scorer, together: int) -> None:
        self._scorer = scorer
        self._together = together
        self._closed = threading.Event()

    def open(self) -> int:
        """As `Worker.open`; the scorer is there already."""
        return self._together

    def score(self, tasks: Sequence[Task], on_images: OnImages) -> list[Result]:
        """As `Worker.score`."""

        def step(images: int) -> None:
            if self._closed.is_set():
                raise _Closed
            on_images(images)

        return attempt(self._scorer, tasks, step)

    def close(self) -> None:
        """Stop after the images at work."""
        self._closed.set()


class _Closed(BaseException):
    """Ends a score that nobody waits for; no error, so that nothing takes it for one."""
