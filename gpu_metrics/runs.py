"""A folder of run records: a file for each submission, and one table of them all."""

import csv
import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gpu_metrics.errors import GpuMetricsError, InputError, SubmissionError
from gpu_metrics.names import folded, litter, printable
from gpu_metrics.profiles import Profile
from gpu_metrics.results import Run, cell, write_atomically

TABLE = "scores.csv"

# what a record says of the one time it was made, and not of the submission
_OF_ONE_TIME = ("cached", "kernels")
_MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the table: a submission and what became of it.

    `status` is that of its run; or "refused", with the submission at fault; or "failed", with the
    engine at fault.
    """

    name: str
    status: str
    scores: Mapping[str, float | None]
    means: Mapping[str, float | None]
    reason: str

    @classmethod
    def of(cls, name: str, result: Run | GpuMetricsError) -> "Entry":
        """The line of a result; problems that do not fit on it are counted."""
        if isinstance(result, Run):
            rejected = [f"{item.file}: {item.reason}" for item in result.rejected]
            return cls(name, result.status, result.scores, result.means, _line(rejected))
        if isinstance(result, SubmissionError):
            reason = f"{result.summary} {_line(result.problems)}".strip()
            return cls(name, "refused", {}, {}, reason)
        return cls(name, "failed", {}, {}, " ".join(str(result).split()))


def keep(run: Run, path: Path) -> None:
    """Save a run, unless its file says the same already; then not one byte of that changes."""
    with suppress(InputError):
        if path.exists() and _lasting(Run.load(path)) == _lasting(Run.from_json(run.to_json())):
            return
    run.save(path)


def save_table(entries: Sequence[Entry], profile: Profile, path: Path) -> None:
    """Write one line per submission as CSV, by name: every value of the formula, every mean.

    Numbers have all their digits; a value that is not there is blank.
    """
    means = [*profile.measures, *profile.per_image]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["submission", "status", *profile.formula, *means, "reason"])
    for entry in sorted(entries, key=lambda entry: entry.name):
        numbers = [entry.scores.get(name) for name in profile.formula]
        numbers += [entry.means.get(name) for name in means]
        cells = ["" if number is None else repr(number) for number in numbers]
        writer.writerow([cell(entry.name), entry.status, *cells, cell(entry.reason)])
    write_atomically(path, text.getvalue())


def submissions_in(folder: Path, *, but: Path) -> list[Path]:
    """The folders and zip files in a folder, by name, without hidden ones and one other."""
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed: {error.strerror}") from error
    chosen = [
        path
        for path in found
        if (path.is_dir() or path.suffix.lower() == ".zip")
        and not litter(path.name)
        and path.resolve() != but.resolve()
    ]
    if not chosen:
        raise InputError(f"{folder}: expected folders or zip files inside, one per submission")
    return chosen


def names_of(submissions: Sequence[Path]) -> list[str]:
    """A file name for each submission: the last part of its path, more where that is not enough.

    So `a/results` and `b/results.zip` become `a-results` and `b-results`. No two names are one to
    a file system that ignores case.
    """
    parts = [_parts(path) for path in submissions]
    depths = [1] * len(parts)
    while True:
        names = [printable("-".join(p[-d:])) for p, d in zip(parts, depths, strict=True)]
        places: dict[str, list[int]] = {}
        for index, name in enumerate(names):
            places.setdefault(folded(name), []).append(index)
        alike = next((same for same in places.values() if len(same) > 1), None)
        if alike is None:
            return names
        if all(depths[index] >= len(parts[index]) for index in alike):
            both = ", ".join(str(submissions[index]) for index in alike)
            raise InputError(f"submissions must differ in name, got {both}; rename one")
        for index in alike:
            depths[index] += 1


def _parts(path: Path) -> tuple[str, ...]:
    whole = path.resolve()
    last = whole.stem if whole.suffix.lower() == ".zip" else whole.name
    return (*whole.parent.parts[1:], last)


def _lasting(run: Run) -> Run:
    kept = {k: v for k, v in run.provenance.items() if k not in _OF_ONE_TIME}
    return replace(run, provenance=kept)


def _line(reasons: Sequence[str]) -> str:
    more = len(reasons) - _MOST_REASONS
    shown = [" ".join(reason.split()) for reason in reasons[:_MOST_REASONS]]
    return "; ".join(shown + [f"and {more} more"] * (more > 0))
