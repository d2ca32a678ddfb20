"""Everything this package raises on purpose, sorted by who can mend it.

GpuMetricsError
├── InputError            an argument of a function does not fit          (also a ValueError)
├── ProfileError          a profile or its formula is malformed           (also a ValueError)
├── SubmissionError       the submission is at fault; safe to show to its author
├── ReferenceSetError     ground truth or masks are at fault; the host mends them
└── EngineError           device, disk, decoder; nobody's score is touched (also a RuntimeError)
    ├── WeightsError      the weights of a network are missing or are not the published ones
    ├── CacheError        measured rows cannot be read or kept; those that are kept are safe
    └── DeviceError       a device broke down; only a fresh process can use it again
"""

from collections.abc import Iterable

# what programs exit with: 0 where all is well, else by who can mend it
SOME_REJECTED = 1
WRONG_USE = 2
REFUSED = 3
ENGINE_FAILED = 4
INTERRUPTED = 130


class GpuMetricsError(Exception):
    """Base of all errors raised deliberately by gpu_metrics."""


class InputError(GpuMetricsError, ValueError):
    """An argument does not meet what a function asks for."""


class ProfileError(GpuMetricsError, ValueError):
    """A profile or its formula names something unknown or contradicts itself."""


class _ListedError(GpuMetricsError):
    """A summary and every fault behind it, one sentence each."""

    def __init__(self, summary: str, problems: Iterable[str] = ()) -> None:
        self.summary = summary
        self.problems = tuple(problems)
        super().__init__("\n  ".join([summary, *self.problems]))


class SubmissionError(_ListedError):
    """A submission cannot be scored as it is.

    `problems` name files by their place inside the submission and hold no ground-truth values
    and no paths of the server, so a participant may read them.
    """


class ReferenceSetError(_ListedError):
    """Ground truth or masks are missing, damaged or contradict each other."""


class EngineError(GpuMetricsError, RuntimeError):
    """The engine itself cannot do the work: device, disk, decoder. Safe to try again."""


class WeightsError(EngineError):
    """The weights of a network cannot be found, or are not those that were published."""


class CacheError(EngineError):
    """Measured rows cannot be read or kept; those that are kept are safe."""


class DeviceError(EngineError):
    """A device broke down under this process, which cannot use it again; a fresh one can."""


def exit_code(error: GpuMetricsError) -> int:
    """What a program that ends with an error exits with."""
    if isinstance(error, SubmissionError):
        return REFUSED
    if isinstance(error, EngineError) and not isinstance(error, WeightsError):
        return ENGINE_FAILED
    return WRONG_USE
