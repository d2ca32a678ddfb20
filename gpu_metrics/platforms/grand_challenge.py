"""Grand Challenge: predictions of algorithms, or uploaded images, in; `metrics.json` out."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from gpu_metrics.errors import EngineError
from gpu_metrics.names import printable
from gpu_metrics.platforms.failures import owned, tell, tell_failure
from gpu_metrics.platforms.numbers import numbers
from gpu_metrics.profiles import Profile
from gpu_metrics.results import Run, write_atomically

PREDICTIONS = "predictions.json"
METRICS = "metrics.json"


def run_evaluation(
    input_: Path,
    output: Path,
    reference: Path,
    profile: Profile,
    *,
    slug: str | None = None,
    input_slug: str | None = None,
    device: str = "auto",
    weights: Path | None = None,
) -> int:
    """Score what an evaluation container is given, and give its exit status.

    With `predictions.json`, the output image of each job is paired by the name of its input image.
    Without, the input folder is itself the submission. `metrics.json` holds `case`, by measure
    and id, and `aggregates`, the profile's outputs; it is only written where all images were
    scored. The last line on stderr, which participants are shown, says what came of it.

    Args:
        reference: The ground truth: a folder with gt/ and mask/, or a packed one.
        slug, input_slug: Sockets of the image that algorithms write and of the one they are given;
            needed where there are several images.
        device, weights: As for `Scorer`.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            submission = input_
            if (input_ / PREDICTIONS).is_file():
                submission = Path(folder)
                _collect(input_, submission, profile, slug, input_slug)

            from gpu_metrics.engine import Scorer

            scorer = Scorer(profile, reference, device=device, weights=weights, say=tell)
            run = scorer.score(submission, name="submission")
        values = numbers(run, profile)
        text = json.dumps({"case": _cases(run), "aggregates": values}, indent=1, allow_nan=False)
        write_atomically(output / METRICS, f"{text}\n")
    except Exception as error:
        return tell_failure(owned(error))
    ranked, value = next(iter(values.items()))
    tell(f"{ranked} {value:.{profile.ranking.digits}f} from {len(run.images)} images")
    return 0


def _cases(run: Run) -> dict[str, dict[str, float]]:
    """By measure and id, every value that there is."""
    cases: dict[str, dict[str, float]] = {}
    for row in run.images:
        for name, value in row.values.items():
            if value is not None:
                cases.setdefault(name, {})[row.id] = value
    return cases


def _collect(
    input_: Path, target: Path, profile: Profile, slug: str | None, input_slug: str | None
) -> None:
    """Copy what algorithms wrote, each file under the name of the image it was made from."""
    try:
        jobs = json.loads((input_ / PREDICTIONS).read_text("utf-8"))
        for job in jobs:
            name = _value(job["inputs"], input_slug)["image"]["name"]
            place = _socket(_value(job["outputs"], slug))["relative_path"]
            source = _only_file(input_ / job["pk"] / "output" / place)
            # what a file is, its bytes say; the ending only has to be one that is read
            copy = target / PurePosixPath(name).with_suffix(profile.images.extensions[0]).name
            if copy.exists():
                raise EngineError(f"{PREDICTIONS}: two jobs were given {printable(name)}")
            shutil.copyfile(source, copy)
    except (LookupError, TypeError, ValueError) as error:
        raise EngineError(f"{PREDICTIONS}: not of the form that is known: {error!r}") from error
    except OSError as error:
        raise EngineError(f"{error.filename}: {error.strerror}") from error


def _value(values: list[Mapping[str, Any]], slug: str | None) -> Mapping[str, Any]:
    """The value of a socket, or the only one of an image."""
    found = [
        value
        for value in values
        if (value.get("image") if slug is None else _socket(value)["slug"] == slug)
    ]
    if len(found) != 1:
        slugs = ", ".join(str(_socket(value)["slug"]) for value in values)
        where = f" at {slug}" if slug else ""
        raise EngineError(f"{PREDICTIONS}: expected one image{where}, got {slugs}; name the socket")
    return found[0]


def _socket(value: Mapping[str, Any]) -> Mapping[str, Any]:
    # sockets were called interfaces before
    socket: Mapping[str, Any] = value["socket"] if "socket" in value else value["interface"]
    return socket


def _only_file(place: Path) -> Path:
    if place.is_file():
        return place
    files = sorted(path for path in place.rglob("*") if path.is_file())
    if len(files) != 1:
        raise EngineError(f"{place}: expected one file, got {len(files)}")
    return files[0]
