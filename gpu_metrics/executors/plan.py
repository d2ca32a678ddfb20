"""What travels to whoever scores, what comes back, and how one attempt is made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from gpu_metrics.cache import RowCache
from gpu_metrics.engine import Scorer
from gpu_metrics.errors import CacheError, DeviceError, EngineError, SubmissionError
from gpu_metrics.pairing import Folders
from gpu_metrics.profiles import Profile
from gpu_metrics.results import Run
from gpu_metrics.submissions import title
from gpu_metrics.weights import Say


class WorkerLost(Exception):
    """A worker died or cannot be trusted any more; another may well score the same submission."""


Result = Run | SubmissionError | EngineError
Answer = list[Result] | CacheError | WorkerLost
OnImages = Callable[[int], None]

ORDERS = ("auto", "submissions", "images")

# submissions that are open at once where they are measured image by image
_TOGETHER = 32


@dataclass(frozen=True, slots=True)
class Plan:
    """The arguments of a `Scorer` as plain values, from which any process builds the same one.

    `cache` is the folder of a `RowCache`. `order` is whether each of the "submissions" is measured
    before the next, or "images" are: the first of 32 submissions, then the second. What is known
    of a reference image is then computed once for all 32, which have their records together.
    "auto" does so where the reference does not fit into memory. The others are what `Scorer` calls
    them.
    """

    profile: Profile | str | Path
    reference: str | Path | Folders
    weights: str | Path | None = None
    cache: str | Path | None = None
    batch_megapixels: float | None = None
    threads: int | None = None
    keep_gigabytes: float | None = None
    order: str = "auto"

    def scorer(self, device: str, *, say: Say = lambda text: None) -> Scorer:
        """The scorer on a device; raises what `Scorer` raises."""
        return Scorer(
            self.profile,
            self.reference,
            device=device,
            weights=self.weights,
            cache=None if self.cache is None else RowCache(self.cache),
            batch_megapixels=self.batch_megapixels,
            threads=self.threads,
            keep_gigabytes=self.keep_gigabytes,
            say=say,
        )

    def together(self, scorer: Scorer) -> int:
        """How many submissions to give to a scorer at once."""
        by_image = self.order == "images" or (self.order == "auto" and not scorer.keeps_reference)
        return _TOGETHER if by_image else 1


@dataclass(frozen=True, slots=True)
class Task:
    """One submission to score, and what its record calls it."""

    submission: Path
    name: str

    @classmethod
    def of(cls, submission: str | Path) -> "Task":
        """The submission under its own name."""
        return cls(Path(submission), title(submission))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one submission.

    `result` is its record; or why it is refused; or why the engine gave it up, which is no fault
    of the submission and may be tried again.
    """

    task: Task
    result: Result


@runtime_checkable
class Worker(Protocol):
    """A scorer somewhere: in this process, in another, on another machine."""

    def open(self) -> int:
        """Wait until it is there, and tell how many submissions it takes at once.

        Raises:
            WorkerLost: It is lost as it starts. Otherwise what `Scorer` raises.
        """

    def score(self, tasks: Sequence[Task], on_images: OnImages) -> list[Result]:
        """Score submissions; `on_images` is called with how many more images are done.

        Raises:
            WorkerLost: The worker died or cannot be trusted any more.
            CacheError: Rows cannot be kept, so no other submission would fare better.
        """

    def close(self) -> None:
        """End the worker at once, whatever it does; from any thread."""


def attempt(scorer: Scorer, tasks: Sequence[Task], on_images: OnImages) -> list[Result]:
    """Score submissions with a scorer of this process.

    Raises:
        CacheError, DeviceError: No other submission would fare better in this process.
        WorkerLost: Something nobody thought of.
    """
    before = 0

    def on_progress(done: int, total: int) -> None:
        nonlocal before
        on_images(done - before)
        before = done

    try:
        named = [(task.name, task.submission) for task in tasks]
        return list(scorer.score_together(named, on_progress))
    except (CacheError, DeviceError):
        raise
    except EngineError as error:
        if len(tasks) == 1:
            return [error]
    except Exception as error:
        raise WorkerLost(f"{type(error).__name__}: {error}") from error
    # which of them it was shows when each is alone; only a cache knows what was measured
    return [result for task in tasks for result in attempt(scorer, [task], lambda images: None)]


def answer(scorer: Scorer, tasks: Sequence[Task], on_images: OnImages) -> Answer:
    """What a worker elsewhere says of submissions, as a value that travels."""
    try:
        return attempt(scorer, tasks, on_images)
    except (CacheError, WorkerLost) as error:
        return error
    except DeviceError as error:
        return WorkerLost(str(error))


def understood(said: Answer) -> list[Result]:
    """What a worker's answer means here; raises as `Worker.score` does."""
    if isinstance(said, CacheError | WorkerLost):
        raise said
    return said
