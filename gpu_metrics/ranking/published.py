"""A published table of scores and their terms, with the rounding that it was printed with."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np

from gpu_metrics.errors import InputError
from gpu_metrics.profiles import Profile
from gpu_metrics.ranking.arrays import Array


@dataclass(frozen=True, slots=True)
class Published:
    """The complete rows of a table: `(rows,)` per name, and half a unit of each last digit.

    `score` is the ranked value as printed. `incomplete` are the rows that lack a term or score.
    """

    teams: tuple[str, ...]
    terms: Mapping[str, Array]
    halves: Mapping[str, Array]
    score: Array
    score_half: Array
    incomplete: tuple[str, ...]


def read_published(path: str | Path, profile: Profile) -> Published:
    """Read a CSV file whose columns bear names of the profile, or the titles of its columns.

    A term is a mean, or a value of the formula that is then taken as printed. The first column
    with no such name names the teams; further ones are passed over. A cell "-" or an empty one
    leaves its row incomplete, unless nothing depends on it.

    Raises:
        InputError: The file cannot be read, lacks the ranked value or terms, or a cell is at fault.
    """
    try:
        titles, *lines = list(csv.reader(io.StringIO(Path(path).read_text("utf-8-sig")))) or [[]]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text: {error.reason}") from error
    named = {column.title: name for name, column in profile.columns.items()}
    named |= {n: n for n in [*profile.measures, *profile.per_image, *profile.formula]}
    places = {named[t.strip()]: i for i, t in enumerate(titles) if t.strip() in named}
    labels = [i for i, title in enumerate(titles) if title.strip() not in named]
    by = profile.ranking.by
    terms = _terms(profile, [name for name in places if name != by])
    if by not in places or not terms:
        raise InputError(
            f"{path}: expected columns for {by} and for terms of it, among {', '.join(named)}; got "
            f"{', '.join(titles) or 'nothing'}"
        )
    used = [*terms, by]
    rows: list[list[tuple[float, float]]] = []
    teams, incomplete = [], []
    for number, line in enumerate(lines, start=2):
        if not any(line):
            continue
        if len(line) != len(titles):
            raise InputError(f"{path}, line {number}: expected {len(titles)} cells")
        team = line[labels[0]].strip() if labels else f"line {number}"
        cells = [line[places[name]].strip() for name in used]
        if any(cell in ("", "-") for cell in cells):
            incomplete.append(team)
            continue
        teams.append(team)
        rows.append([_printed(cell, where=f"{path}, line {number}") for cell in cells])
    table = np.array(rows, np.float64).reshape(len(rows), len(used), 2)
    columns = {name: table[:, index] for index, name in enumerate(used)}
    return Published(
        tuple(teams),
        {name: columns[name][:, 0] for name in terms},
        {name: columns[name][:, 1] for name in terms},
        columns[by][:, 0],
        columns[by][:, 1],
        tuple(incomplete),
    )


def _terms(profile: Profile, given: Sequence[str]) -> list[str]:
    """Those of the given names that the ranked value depends on, or none where one is missing."""
    wanted, found = list(profile.formula[profile.ranking.by].names), []
    while wanted:
        name = wanted.pop(0)
        if name in given:
            found.append(name)
        elif name in profile.formula:
            wanted += profile.formula[name].names
        else:
            return []
    return list(dict.fromkeys(found))


def _printed(cell: str, *, where: str) -> tuple[float, float]:
    """A number and half a unit of its last digit."""
    try:
        number = Decimal(cell)
    except InvalidOperation:
        number = Decimal("nan")
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        raise InputError(f"{where}: expected a number, got {cell!r}")
    return float(number), 0.5 * 10.0**exponent
