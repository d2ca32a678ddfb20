"""EvalAI's own workers: the `evaluate` function of a challenge's evaluation script."""

import tempfile
import zipfile
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_metrics.errors import InputError, ReferenceSetError
from gpu_metrics.platforms.numbers import numbers
from gpu_metrics.profiles import Profile, load_profile, parse_profile

if TYPE_CHECKING:
    from gpu_metrics.engine import Scorer

Evaluate = Callable[..., dict[str, Any]]


def hosted(
    profile: Profile | str | Path,
    split: str | Mapping[str, str],
    *,
    device: str = "auto",
    weights: str | Path | None = None,
) -> Evaluate:
    """The function that EvalAI calls for every submission; an evaluation script needs no more.

        from gpu_metrics.platforms.evalai import hosted

        evaluate = hosted("raim2026-flash-portrait", "test_split")

    The annotation file of a phase is a zip file of a reference set (gt/ and mask/) or a packed
    one. A worker reads it once and keeps the scorer for as long as the file stays the same.

    Args:
        profile: A profile, its name, or the path of its TOML file.
        split: The dataset split that results belong to, or one for each phase by its codename.
        device, weights: As for `Scorer`.

    Returns:
        `evaluate(test_annotation_file, user_submission_file, phase_codename, **kwargs)`. What it
        raises, EvalAI shows to the participant: SubmissionError lists every fault.
    """
    rules = profile if isinstance(profile, Profile) else load_profile(profile)

    def evaluate(
        test_annotation_file: str | Path,
        user_submission_file: str | Path,
        phase_codename: str,
        **kwargs: Any,
    ) -> dict[str, Any]:
        name = split if isinstance(split, str) else split.get(phase_codename)
        if name is None:
            raise InputError(f"phase_codename: no split is known for {phase_codename!r}")
        reference = Path(test_annotation_file)
        if not reference.is_file():
            raise ReferenceSetError(f"{reference}: expected the annotation file of the phase")
        changed = reference.stat().st_mtime_ns
        scorer = _scorer(rules.text, reference, changed, device, weights)
        values = numbers(scorer.score(user_submission_file), rules)
        return {"result": [{name: values}], "submission_result": values}

    return evaluate


@lru_cache(maxsize=4)
def _scorer(
    rules: str, reference: Path, changed: int, device: str, weights: str | Path | None
) -> "Scorer":
    """The scorer of an annotation file; `changed` tells one version of it from the next."""
    from gpu_metrics.engine import Scorer

    profile = parse_profile(rules, where="profile")
    if not zipfile.is_zipfile(reference):
        return Scorer(profile, reference, device=device, weights=weights)
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(reference) as archive:
            archive.extractall(folder)
        return Scorer(profile, _root(Path(folder)), device=device, weights=weights)


def _root(folder: Path) -> Path:
    """The folder itself, or the one inside that holds everything."""
    inside = [path for path in folder.iterdir() if not path.name.startswith(("__MACOSX", "."))]
    if not inside:
        raise ReferenceSetError("the annotation file is an empty zip file")
    alone = len(inside) == 1 and inside[0].is_dir() and inside[0].name not in ("gt", "ref")
    return inside[0] if alone else folder
