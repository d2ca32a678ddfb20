"""Who votes, and what the host says of scenes: the tables that a study is built from."""

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from gpu_metrics.catalog import did_you_mean
from gpu_metrics.errors import InputError
from gpu_metrics.names import folded


@dataclass(frozen=True, slots=True)
class Invited:
    """A juror: a name, and the teams that are never shown to them since they are tied to them."""

    name: str
    tied_to: tuple[str, ...] = ()


def read_jurors(path: Path) -> list[Invited]:
    """Lines `juror,tied_to` under these titles; teams are separated by `;`, and may be none."""
    return [
        Invited(name, tuple(team for part in ties.split(";") if (team := part.strip())))
        for name, ties in _rows(path, "juror", "tied_to")
    ]


def read_strata(path: Path) -> dict[str, str]:
    """The stratum of each scene, from lines `scene,stratum` under these titles."""
    rows = _rows(path, "scene", "stratum")
    strata = dict(rows)
    if twice := [scene for scene in strata if [s for s, _ in rows].count(scene) > 1]:
        raise InputError(f"{path}: scene {twice[0]!r} comes twice")
    return strata


def check_jurors(jurors: Sequence[Invited], teams: Collection[str], best: int) -> None:
    """Raise InputError, with every fault, unless all of a jury can vote.

    Args:
        jurors: At least one, with different names.
        teams: Who takes part; ties to others are faults, since they may be slips of the pen.
        best: How many a juror picks; each must be shown at least one more.
    """
    if not jurors:
        raise InputError("jurors: expected at least one")
    problems, seen = [], set[str]()
    for juror in jurors:
        if folded(juror.name) in seen:
            problems.append(f"{juror.name}: comes twice")
        seen.add(folded(juror.name))
        problems += [
            f"{juror.name}: tied to {team!r}, which takes no part{did_you_mean(team, teams)}"
            for team in juror.tied_to
            if team not in teams
        ]
        if (left := len({*teams} - {*juror.tied_to})) <= best:
            problems.append(f"{juror.name}: would see {left} teams; expected at least {best + 1}")
    if problems:
        raise InputError("\n  ".join(["jurors:", *problems]))


def _rows(path: Path, *titles: str) -> list[tuple[str, str]]:
    """The two columns of a CSV file; the first is never empty."""
    try:
        # spreadsheets put a byte order mark before UTF-8
        with path.open(newline="", encoding="utf-8-sig") as file:
            first, *lines = [*csv.reader(file)] or [[]]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: expected CSV in UTF-8: {error}") from error
    if [title.strip() for title in first] != [*titles]:
        raise InputError(f"{path}: expected a first line {','.join(titles)}, got {','.join(first)}")
    rows = []
    for number, line in enumerate(lines, start=2):
        cells = [cell.strip() for cell in line]
        if any(cells):
            if len(cells) != 2 or not cells[0]:
                raise InputError(f"{path}, line {number}: expected {','.join(titles)}")
            rows.append((cells[0], cells[1]))
    return rows
