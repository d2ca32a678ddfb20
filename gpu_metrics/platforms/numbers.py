"""A run as the flat, finite numbers that platforms take, and failures as one sentence."""

from gpu_metrics.errors import (
    EngineError,
    GpuMetricsError,
    ReferenceSetError,
    SubmissionError,
    WeightsError,
)
from gpu_metrics.names import printable
from gpu_metrics.profiles import Profile
from gpu_metrics.results import Run

# a column of Codabench holds twenty digits, ten of them decimals
_MOST = 1e10
_SHOWN = 3


def numbers(run: Run, profile: Profile) -> dict[str, float]:
    """The profile's outputs by name, the ranked one first; those without a value are left out.

    Raises:
        SubmissionError: Images were rejected, so there is no score; all of them are listed.
        ReferenceSetError: The ranked value needs a mean that no image has.
        EngineError: A number is too large for a platform.
    """
    if run.rejected:
        count = f"{len(run.rejected)} of {len(run.rejected) + len(run.images)}"
        reasons = [f"{item.file}: {item.reason}" for item in run.rejected]
        raise SubmissionError(f"{count} images rejected, so there is no score:", reasons)
    known = {name: v for name, v in {**run.means, **run.scores}.items() if v is not None}
    values = {
        name: output.evaluate(known)
        for name, output in profile.outputs.items()
        if known.keys() >= set(output.names)
    }
    ranked = next(iter(profile.outputs))
    if ranked not in values:
        absent = [name for name, mean in run.means.items() if mean is None]
        raise ReferenceSetError(f"no image has a value of {', '.join(absent)}, so none can score")
    for name, value in values.items():
        if abs(value) >= _MOST:
            raise EngineError(f"{name} is {value:g}, but platforms take less than {_MOST:g}")
    return values


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
