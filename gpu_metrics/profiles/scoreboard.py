"""What ranks, what leaderboards show, and what challenge platforms are told."""

from collections.abc import Iterable, Mapping
from typing import Any

from gpu_metrics.errors import ProfileError
from gpu_metrics.expressions import Expression
from gpu_metrics.profiles.checks import (
    check_choice,
    check_keys,
    check_kind,
    check_text,
    check_used,
)
from gpu_metrics.profiles.profile import Column, Ranking

_RANKING = {"by": "a string", "higher_is_better": "true or false", "digits": "a whole number"}
_COLUMN = {"title": "a string", "digits": "a whole number"}


def parse_ranking(table: Mapping[str, Any], formula: Iterable[str], *, where: str) -> Ranking:
    """Read `[ranking]`; it ranks by a value of the formula."""
    check_keys(table, _RANKING, {}, where=where)
    check_choice("by", table["by"], formula, where=where)
    _check_digits(table["digits"], where=where)
    return Ranking(table["by"], table["higher_is_better"], table["digits"])


def parse_columns(
    table: Mapping[str, Any],
    known: Iterable[str],
    measures: Iterable[str],
    ranking: Ranking,
    *,
    where: str,
) -> dict[str, Column]:
    """Read `[columns]`: which of the `known` names a leaderboard shows, and how.

    Where there is no such table: the measures with four decimals and the ranked value, by their
    own names.
    """
    if not table:
        usual = {name: Column(name, 4) for name in measures}
        return usual | {ranking.by: Column(ranking.by, ranking.digits)}
    known, columns = list(known), {}
    for name, entry in table.items():
        check_choice("column", name, known, where=where)
        check_kind(entry, "a table", where=f"{where} {name}")
        check_keys(entry, _COLUMN, {}, where=f"{where} {name}")
        check_text("title", entry["title"], r"\S(.*\S)?", where=f"{where} {name}")
        _check_digits(entry["digits"], where=f"{where} {name}")
        columns[name] = Column(entry["title"], entry["digits"])
    if ranking.by not in columns:
        raise ProfileError(f"{where}: expected a column for {ranking.by}, which ranks")
    return columns


def parse_outputs(
    table: Mapping[str, Any],
    known: Iterable[str],
    measures: Iterable[str],
    ranking: Ranking,
    *,
    where: str,
) -> dict[str, Expression]:
    """Read `[outputs]`: expressions over `known` names, the first of them the ranked value alone.

    Where there is no such table: the ranked value and the measures, by their own names.
    """
    known = list(known)
    outputs = {}
    for name, text in (table or {name: name for name in [ranking.by, *measures]}).items():
        check_text("the name of an output", name, r"[!-~]+", where=where)
        check_kind(text, "a string", where=f"{where} {name}")
        outputs[name] = Expression.parse(text, where=f"{where} {name}")
        check_used(outputs[name].names, known, where=f"{where} {name}")
    if next(iter(outputs.values())).text != ranking.by:
        raise ProfileError(f"{where}: the first output must be {ranking.by}, which ranks")
    return outputs


def _check_digits(digits: int, *, where: str) -> None:
    if not 0 <= digits <= 15:
        raise ProfileError(f"{where}: digits must lie in 0..15, got {digits}")
