"""The scoring program: the folders of Codabench's worker in, scores and a page out."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from gpu_metrics.errors import EngineError, GpuMetricsError, ProfileError, SubmissionError
from gpu_metrics.platforms.codabench.details import failure_page, progress_page, result_page
from gpu_metrics.platforms.deadline import deadline
from gpu_metrics.platforms.failures import owned, tell, tell_failure
from gpu_metrics.platforms.numbers import numbers
from gpu_metrics.profiles import Profile
from gpu_metrics.results import Run, write_atomically

OnError = Literal["fail", "zero"]

PAGE = "detailed_results.html"
SCORES = "scores.json"
# a reference set that needs no decoding, where the hosts have put one among the data
PACK = "reference.pack"

# the worker looks at the page every five seconds
_BETWEEN_PAGES = 2.0


def run_program(
    input_: Path,
    output: Path,
    profile: Profile,
    *,
    on_error: OnError = "fail",
    seconds: float | None = None,
    device: str = "auto",
    weights: Path | None = None,
) -> int:
    """Score `input_/res` against `input_/ref`, write `output`, and give the exit status.

    `output` gets the page from the first moment on, and when all went well `run.json`,
    `per_image_scores.csv` and, last of all, `scores.json`: finite numbers by the names of the
    profile's outputs. Each file is whole or absent. The last line on stderr is for people.

    Args:
        on_error: A submission that cannot be scored fails the program ("fail"), or scores 0 with
            `Error` 1 as the organisers of AI Flash Portrait had it ("zero"). Failures of the
            challenge or the engine always fail.
        seconds: Give up after so long, with an engine error that says so.
        device, weights: As for `Scorer`.

    Returns:
        0 where there are scores, else the exit code of the error.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        with deadline(seconds):
            check_on_error(on_error, profile)
            run = _scored(input_, output, profile, device, weights)
            scores = numbers(run, profile)
            run.save(output / "run.json")
            run.save_table(output / "per_image_scores.csv")
            write_atomically(output / PAGE, result_page(profile, run, scores))
            _write_scores(output, scores)
    except Exception as error:
        return _failed(output, profile, owned(error), on_error)
    ranked, value = next(iter(scores.items()))
    tell(f"{ranked} {value:.{profile.ranking.digits}f} from {len(run.images)} images")
    return 0


def check_on_error(on_error: OnError, profile: Profile) -> None:
    """Raise ProfileError where a submission that cannot be scored would win."""
    if on_error == "zero" and not profile.ranking.higher_is_better:
        raise ProfileError(f"{profile.name}: 0 would be the best score; fail on errors")


def _scored(input_: Path, output: Path, profile: Profile, device: str, weights: Path | None) -> Run:
    start = shown = time.monotonic()
    write_atomically(output / PAGE, progress_page(profile, 0, 0, 0.0))

    def on_progress(done: int, total: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= _BETWEEN_PAGES:
            shown = now
            write_atomically(output / PAGE, progress_page(profile, done, total, now - start))

    from gpu_metrics.engine import Scorer

    packed = input_ / "ref" / PACK
    reference = packed if packed.is_file() else input_ / "ref"
    scorer = Scorer(profile, reference, device=device, weights=weights, say=tell)
    return scorer.score(input_ / "res", name="submission", on_progress=on_progress)


def _failed(output: Path, profile: Profile, error: GpuMetricsError, on_error: OnError) -> int:
    zero = on_error == "zero" and isinstance(error, SubmissionError)
    try:
        (output / SCORES).unlink(missing_ok=True)
        write_atomically(output / PAGE, failure_page(profile, error))
        if zero:
            _write_scores(output, {next(iter(profile.outputs)): 0.0, "Error": 1.0})
    except (EngineError, OSError) as fault:
        tell(str(fault))
        zero = False
    code = tell_failure(error)
    return 0 if zero else code


def _write_scores(output: Path, scores: Mapping[str, float]) -> None:
    text = json.dumps(scores, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(output / SCORES, f"{text}\n")
