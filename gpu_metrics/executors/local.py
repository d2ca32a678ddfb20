"""A worker in this process, which shares its scorer with others."""

import threading

from gpu_metrics.engine import Scorer
from gpu_metrics.executors.plan import OnImages, Result, Task, attempt


class LocalWorker:
    """Scores in the thread that asks."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._closed = threading.Event()

    def open(self) -> None:
        """As `Worker.open`; the scorer is there already."""

    def score(self, task: Task, on_images: OnImages) -> Result:
        """As `Worker.score`."""

        def step(images: int) -> None:
            if self._closed.is_set():
                raise _Closed
            on_images(images)

        return attempt(self._scorer, task, step)

    def close(self) -> None:
        """Stop after the images at work."""
        self._closed.set()


class _Closed(BaseException):
    """Ends a score that nobody waits for; no error, so that nothing takes it for one."""
