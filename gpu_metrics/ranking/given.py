"""Tables of numbers that the host gives: a line per team, or per scene and team."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gpu_metrics.catalog import did_you_mean
from gpu_metrics.contests import Contest
from gpu_metrics.errors import InputError
from gpu_metrics.ranking.arrays import Array
from gpu_metrics.ranking.bootstrap import Counts, Source, resamples
from gpu_metrics.ranking.votes import Votes, cells_of, read_votes


@dataclass(frozen=True, slots=True)
class Given:
    """Numbers by name, scene and team.

    A table without scenes has a single one, "". What is not in `cells` was not given; of a table
    with scenes it counts as 0, since a jury that picked nobody wrote no line.
    """

    names: tuple[str, ...]
    scenes: tuple[str, ...]
    cells: Mapping[tuple[str, str, str], float]

    @property
    def teams(self) -> tuple[str, ...]:
        """The teams in the order of their first lines."""
        return tuple(dict.fromkeys(team for _, _, team in self.cells))

    def of(self, name: str) -> dict[str, float]:
        """The number of each team, summed over scenes."""
        sums: dict[str, float] = {}
        for (known, _, team), value in self.cells.items():
            if known == name:
                sums[team] = sums.get(team, 0.0) + value
        return sums

    def drawn(self, name: str, teams: Sequence[str], counts: Counts) -> Array:
        """The sums over scenes that are drawn so often, `(draws, teams)`."""
        rows = [[self.cells.get((name, s, t), 0.0) for t in teams] for s in self.scenes]
        return np.asarray(counts @ np.array(rows), np.float64)

    def source(
        self, names: Sequence[str], teams: Sequence[str], *, draws: int, seed: Sequence[int]
    ) -> Source | None:
        """The sums when scenes are drawn; None where there are not two of them."""
        if len(self.scenes) < 2:
            return None
        counts = resamples(len(self.scenes), draws=draws, seed=seed)
        values = {name: self.drawn(name, teams, counts) for name in names}
        return Source(", ".join(names), len(self.scenes), values)


Table = Given | Votes


def read_given(path: str | Path, known: Iterable[str], *, contest: Contest | None = None) -> Table:
    """Read a CSV file: a column `team`, perhaps `scene`, and columns of `known` names.

    With scenes, lines of one scene and team add up, as the ballots of several jurors do. An empty
    cell gives nothing. With a column `juror`, too, where the contest has a jury, the lines are
    votes, as `read_votes` reads them.

    Raises:
        InputError: The file cannot be read, or a line is at fault; it is named.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text: {error.reason}") from error
    try:
        titles, *lines = list(csv.reader(io.StringIO(text))) or [[]]
    except csv.Error as error:
        raise InputError(f"{path}: not CSV, perhaps for an open quote: {error}") from error
    titles = [title.strip() for title in titles]
    if "juror" in titles and contest is not None and contest.jury is not None:
        return read_votes(titles, lines, contest, where=str(path))
    names = _names(titles, [*known], where=str(path))
    cells: dict[tuple[str, str, str], float] = {}
    for number, line in enumerate(lines, start=2):
        if not any(line):
            continue
        where = f"{path}, line {number}"
        row = cells_of(line, titles, where=where)
        for name in filter(row.get, names):
            key = name, row.get("scene", ""), row["team"]
            if key in cells and "scene" not in row:
                raise InputError(f"{where}: {row['team']!r} comes twice")
            cells[key] = cells.get(key, 0.0) + _number(row[name], where=f"{where}, {name}")
    scenes = dict.fromkeys(scene for _, scene, _ in cells)
    return Given(tuple(names), tuple(scenes), cells)


def _names(titles: list[str], known: list[str], *, where: str) -> list[str]:
    names = [title for title in titles if title not in ("team", "scene")]
    if "team" not in titles or not names or len({*titles}) < len(titles):
        raise InputError(
            f"{where}: expected a first line with team, perhaps scene, and some of "
            f"{', '.join(known)}, each once; got {', '.join(titles) or 'nothing'}"
        )
    for name in names:
        if name not in known:
            raise InputError(
                f"{where}: unknown column {name!r}; expected team, scene or one of "
                f"{', '.join(known)}{did_you_mean(name, known)}"
            )
    return names


def _number(text: str, *, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: expected a number, got {text!r}")
    return value
