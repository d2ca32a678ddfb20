"""A run as the flat, finite numbers that platforms take."""

from gpu_metrics.errors import EngineError, ReferenceSetError, SubmissionError
from gpu_metrics.profiles import Profile
from gpu_metrics.results import Run

# a column of Codabench holds twenty digits, ten of them decimals
_MOST = 1e10


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
