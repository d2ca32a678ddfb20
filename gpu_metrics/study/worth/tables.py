"""What a jury's count is worth as tables for spreadsheets, with all digits."""

import csv
import io
from collections.abc import Iterable, Sequence

from gpu_metrics.results import cell
from gpu_metrics.study.worth.weighing import Worth

Cell = str | int | float | None


def to_csv(worth: Worth) -> dict[str, str]:
    """CSV text by the name of a table; what is not known is blank, text is never a formula."""
    made = {
        "teams": _teams(worth),
        "jurors": _jurors(worth),
        "scenes": (("scene", "alpha"), worth.agreement.by_scene.items()),
        "without_juror": _without(worth),
        "positions": _positions(worth),
        "dimensions": (("dimension", "ballots"), worth.tags.items()),
        "comments": (
            ("juror", "scene", "picks", "comment"),
            ((c.juror, c.scene, "; ".join(c.picks), c.text) for c in worth.comments),
        ),
    }
    if worth.correlations is not None:
        made["metrics"] = _metrics(worth)
    return {name: _text(*table) for name, table in made.items()}


Table = tuple[Sequence[str], Iterable[Sequence[Cell]]]


def _teams(worth: Worth) -> Table:
    columns = ["place", "team", "shown", "picks", "score", "score_low", "score_high"]
    columns += ["ahead_of_next", "group", "strength", "strength_low", "strength_high"]
    columns += [f"chance_of_place_{place}" for place in range(1, len(worth.teams) + 1)]
    return columns, (
        [t.place, t.team, t.shown, t.picks, t.score, *(t.interval or (None, None)), t.ahead]
        + [t.group, t.strength, *(t.strength_interval or (None, None))]
        + list(t.ranks or [None] * len(worth.teams))
        for t in worth.teams
    )


def _jurors(worth: Worth) -> Table:
    columns = ["juror", "screens", "median_seconds", "alpha_without", "repeats", "overlap"]
    columns += ["overlap_by_chance", "p_value", "moved_without", "largest_change_of_share", "team"]
    again = {found.juror: found for found in worth.consistency}
    dropped = {found.juror: found for found in worth.influence}
    rows: list[list[Cell]] = []
    for pace in worth.paces:
        repeat, without = again.get(pace.juror), dropped.get(pace.juror)
        row: list[Cell] = [pace.juror, pace.screens, pace.seconds]
        row.append(worth.agreement.without.get(pace.juror))
        row += (
            [repeat.repeats, repeat.overlap, repeat.chance, repeat.p_value]
            if repeat
            else [0, None, None, None]
        )
        row += [len(without.moved), without.shift, without.shifted] if without else [None] * 3
        rows.append(row)
    return columns, rows


def _without(worth: Worth) -> Table:
    return ("juror", "team", "picks", "score", "place"), (
        (dropped.juror, team, dropped.counts[team], dropped.scores[team], place)
        for dropped in worth.influence
        for team, place in dropped.places.items()
    )


def _positions(worth: Worth) -> Table:
    found = worth.positions
    pairs = zip(found.picks, found.expected, strict=True)
    return ("position", "picks", "expected"), (
        (number, picks, expected) for number, (picks, expected) in enumerate(pairs, start=1)
    )


def _metrics(worth: Worth) -> Table:
    columns = ["metric", "higher_is_better", "teams", "scenes"]
    kinds = ["spearman", "kendall", "within_spearman", "within_kendall"]
    for kind in kinds:
        columns += [kind, f"{kind}_p", f"{kind}_low", f"{kind}_high"]
    rows: list[list[Cell]] = []
    for metric in worth.correlations.metrics if worth.correlations else ():
        higher = "yes" if metric.higher_is_better else "no"
        row: list[Cell] = [metric.name, higher, metric.teams, metric.scenes]
        for kind in kinds:
            found = getattr(metric, kind)
            row += [found.value, found.p_value, *(found.interval or (None, None))]
        rows.append(row)
    return columns, rows


def _text(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(
            "" if c is None else cell(c) if isinstance(c, str) else repr(c) for c in row
        )
    return text.getvalue()
