"""Failures as platforms show them: what the hosts have to know, then one line for participants."""

import sys
import traceback

from gpu_metrics.errors import (
    EngineError,
    GpuMetricsError,
    SubmissionError,
    WeightsError,
    exit_code,
)
from gpu_metrics.names import printable

_SHOWN = 3


def sentence(error: GpuMetricsError) -> str:
    """What a participant is told of a failure, on one line."""
    if isinstance(error, SubmissionError):
        problems = [printable(problem, most=160) for problem in error.problems[:_SHOWN]]
        if more := len(error.problems) - len(problems):
            problems.append(f"and {more} more")
        return f"{printable(error.summary, most=300)} {'; '.join(problems)}".strip()
    if isinstance(error, EngineError) and not isinstance(error, WeightsError):
        reason = printable(str(error), most=300)
        return f"the scorer failed, which is no fault of the submission; submit it again: {reason}"
    return (
        "the challenge is not set up rightly, which is no fault of the submission; tell its hosts"
    )


def owned(error: Exception) -> GpuMetricsError:
    """The error itself where it was raised on purpose; of any other, its trace goes to stderr."""
    if isinstance(error, GpuMetricsError):
        return error
    traceback.print_exception(error)
    return EngineError(f"{type(error).__name__}: {error}")


def tell_failure(error: GpuMetricsError) -> int:
    """Write an error to stderr, the line for participants last, and give the exit status."""
    if str(error) not in sentence(error):
        tell(str(error))
    tell(sentence(error))
    return exit_code(error)


def tell(text: str) -> None:
    """Write to stderr at once."""
    print(text, file=sys.stderr, flush=True)
