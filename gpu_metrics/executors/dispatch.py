"""Submissions handed to workers as these become free, and to a fresh one where a worker is lost."""

import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from queue import SimpleQueue

from gpu_metrics.errors import EngineError
from gpu_metrics.executors.plan import OnImages, Outcome, Result, Task, Worker, WorkerLost

Start = Callable[[], Worker]

_ATTEMPTS = 2


class Place:
    """Where one worker at a time works, and is replaced when it is lost."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._closed = False
        self._worker: Worker | None = None
        self.together = 1

    def open(self) -> Worker:
        """The worker, once it is there; EngineError where it is lost as it starts, twice."""
        for _ in range(_ATTEMPTS):
            worker, fresh = self._placed()
            try:
                if fresh:
                    self.together = worker.open()
                return worker
            except WorkerLost as error:
                self._discard()
                reason = str(error)
        raise EngineError(f"no worker could be started: {reason}")

    def score(self, tasks: Sequence[Task], on_images: OnImages) -> list[Result]:
        """The results of submissions; one that lost two workers is given up."""
        for _ in range(_ATTEMPTS):
            worker = self.open()
            try:
                return worker.score(tasks, on_images)
            except WorkerLost as error:
                self._discard()
                reason = str(error)
            if len(tasks) > 1:
                # one of them may be the cause, and the others are not to suffer for it
                return [result for task in tasks for result in self.score([task], on_images)]
        [task] = tasks
        return [EngineError(f"{task.name}: given up after {_ATTEMPTS} attempts: {reason}")]

    def close(self) -> None:
        """End the worker, for good."""
        with self._lock:
            self._closed = True
        self._discard()

    def _placed(self) -> tuple[Worker, bool]:
        """The worker and whether it is a fresh one, which has to be opened."""
        with self._lock:
            if self._closed:
                raise WorkerLost("closed")
            if self._worker is not None:
                return self._worker, False
            self._worker = self._start()
            return self._worker, True

    def _discard(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()


def outcomes(
    starts: Sequence[Start], tasks: Iterable[Task], on_images: OnImages
) -> Generator[Outcome, None, None]:
    """The outcome of every task as it comes, from one worker for each start.

    Tasks are taken as they are needed. Closing the iterator ends all workers at once.

    Raises:
        GpuMetricsError: A worker cannot be started, or rows cannot be kept.
    """
    feed = iter(tasks)
    places = [Place(start) for start in starts]
    idle: SimpleQueue[Place] = SimpleQueue()

    def work(taken: Sequence[Task]) -> list[Outcome]:
        place = idle.get()
        try:
            return list(map(Outcome, taken, place.score(taken, on_images)))
        finally:
            idle.put(place)

    def take(batches: int) -> set[Future[list[Outcome]]]:
        taken = (list(islice(feed, together)) for _ in range(batches))
        return {pool.submit(work, tasks) for tasks in taken if tasks}

    pool = ThreadPoolExecutor(len(places))
    try:
        # the first alone: what has to be fetched is fetched once, what is at fault is told once
        places[0].open()
        list(pool.map(Place.open, places))
        for place in places:
            idle.put(place)
        together = min(place.together for place in places)
        # one waits behind each that is at work, so that no worker does while results are taken
        running = take(2 * len(places))
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                running |= take(1)
                yield from future.result()
    finally:
        for place in places:
            place.close()
        pool.shutdown(cancel_futures=True)
