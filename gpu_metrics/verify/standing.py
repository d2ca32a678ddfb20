"""The effect of a reproduction on the rank, given what the other teams scored."""

import csv
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gpu_metrics.errors import InputError
from gpu_metrics.profiles import Profile, Ranking
from gpu_metrics.verify.findings import Comparison, Rank


def with_rank(comparison: Comparison, others: Mapping[str, float], ranking: Ranking) -> Comparison:
    """The comparison with the places that both of its scores give among other teams' scores.

    Without a reproduced score, as where images were rejected, the comparison stays as it is.
    """
    online, reproduced = comparison.score.online, comparison.score.reproduced
    if online is None or reproduced is None:
        return comparison
    before, after = (_ahead(value, others, ranking) for value in (online, reproduced))
    passed = sorted(before ^ after, key=lambda team: others[team], reverse=True)
    return replace(
        comparison,
        rank=Rank(len(before) + 1, len(after) + 1, len(others) + 1, tuple(passed)),
    )


def read_scores(path: Path, profile: Profile, *, team: str | None) -> dict[str, float]:
    """What the teams of a CSV file scored, without `team` and without rows that have no number.

    The file needs a column `team` and one for the ranked value, by its own name, its name on
    platforms, its title on the board, or `score`.

    Raises:
        InputError: The file cannot be read, or lacks a column, or the team.
    """
    by = profile.ranking.by
    names = {by, "score", next(iter(profile.outputs)).lower(), profile.columns[by].title.lower()}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [{(k or "").lower(): v for k, v in row.items()} for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: expected CSV in UTF-8: {error}") from error
    columns = rows[0].keys() if rows else ()
    found = [name for name in columns if name in names]
    if "team" not in columns or not found:
        raise InputError(f"{path}: expected the columns team and {' or '.join(sorted(names))}")
    if team is not None and all(row["team"] != team for row in rows):
        raise InputError(f"{path}: has no team called {team!r}")
    scores = {row["team"]: _number(row[found[0]]) for row in rows if row["team"] != team}
    return {name: score for name, score in scores.items() if score is not None}


def _ahead(value: float, others: Mapping[str, float], ranking: Ranking) -> set[str]:
    """Teams that are strictly better, at the digits that are printed."""
    sign = 1 if ranking.higher_is_better else -1
    mine = sign * round(value, ranking.digits)
    return {team for team, score in others.items() if sign * round(score, ranking.digits) > mine}


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
