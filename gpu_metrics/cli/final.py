"""`gpu-metrics final`: the final standing of a challenge, and what would change it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gpu_metrics.cli.app import app, say, verb
from gpu_metrics.cli.tables import TableFormat, show

if TYPE_CHECKING:
    from gpu_metrics.ranking.final import Final
    from gpu_metrics.ranking.sensitivity import Sweep


@app.command()
@verb
def final(
    contest: Annotated[str, typer.Argument(help="Name of a contest, or the path of a .toml file.")],
    db: Annotated[
        str | None, typer.Option(help="Board: SQLite file, or postgresql://USER@HOST/NAME.")
    ] = None,
    given: Annotated[
        list[Path] | None,
        typer.Option(help="CSV with team, perhaps scene and juror, and what the contest knows."),
    ] = None,
    draws: Annotated[int, typer.Option(min=0, help="Draws of the bootstrap; 0 for none.")] = 4000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other draws.")] = 0,
    format: Annotated[TableFormat, typer.Option(help="What stdout shows.")] = TableFormat.table,
) -> None:
    """Print the final standing, with awards, and what its order owes to chance and to constants."""
    from gpu_metrics.contests import load_contest

    rules = load_contest(contest)

    from gpu_metrics.board.store import opened
    from gpu_metrics.ranking.entries import collect
    from gpu_metrics.ranking.final import decide
    from gpu_metrics.ranking.given import read_given
    from gpu_metrics.ranking.sensitivity import sweeps

    names = [*rules.inputs, *rules.formula]
    tables = [read_given(path, names, contest=rules) for path in given or []]
    if db is None:
        entries = collect(rules, given=tables)
        result = decide(entries, draws=draws, seed=seed)
    else:
        with opened(db) as board:
            entries = collect(rules, board=board, given=tables)
            result = decide(entries, board=board, draws=draws, seed=seed)
    swept = sweeps(entries)
    columns, rows = _table(result)
    title = f"{rules.name} {rules.version} ({rules.digest[:12]}): final standing"
    show(columns, rows, _document(result, swept), format=format, title=title)
    if format is TableFormat.table and swept:
        titles = ["constant", "value", "range", "order changes at"]
        show(titles, [_swept(sweep) for sweep in swept], {}, format=format, title="constants")
    for team, reason in result.out.items():
        say(f"not ranked: {team}: {reason}")
    for remark in result.remarks:
        say(f"note: {remark}")


def _table(result: "Final") -> tuple[list[str], list[list[str]]]:
    from gpu_metrics.cli import standings
    from gpu_metrics.page import number
    from gpu_metrics.results import cell

    contest = result.contest
    titles = ["place", "team", *(column.title for column in contest.columns.values())]
    rows = [
        [
            str(finalist.place),
            cell(finalist.team),
            *(
                number(finalist.values.get(name), column.digits)
                for name, column in contest.columns.items()
            ),
        ]
        for finalist in result.finalists
    ]
    if contest.awards:
        titles.append("award")
        for row, finalist in zip(rows, result.finalists, strict=True):
            row.append(finalist.award or "")
    if result.trust is not None:
        titles += standings.trust_titles(result.trust)
        jury = contest.jury and contest.jury.score
        scored = [name for name in result.intervals if name == jury]
        titles += [f"{name} interval" for name in scored]
        alone = result.alone if len(result.alone) > 1 else {}
        titles += [f"places by {name} alone" for name in alone]
        for index, row in enumerate(rows):
            row += standings.trust_cells(result.trust, index, contest.ranking.digits)
            row += [
                standings.interval(result.intervals[name][index], contest.ranking.digits)
                for name in scored
            ]
            row += [standings.places(trust, index) for trust in alone.values()]
    return titles, rows


def _swept(sweep: "Sweep", most: int = 4) -> list[str]:
    swaps = [
        f"{swap.at:.4g}: {swap.rises} passes {swap.falls} for place {swap.place}"
        for swap in sweep.swaps[:most]
    ]
    more = len(sweep.swaps) - most
    changes = "\n".join([*swaps, f"... and {more} more"] if more > 0 else swaps) or "nowhere"
    bounds = f"{sweep.low:g} .. {sweep.high:g}"
    return [sweep.constant, f"{sweep.value:g}", bounds, changes if sweep.used else "not used here"]


def _document(result: "Final", swept: "list[Sweep]") -> dict[str, Any]:
    from dataclasses import asdict

    from gpu_metrics.cli import standings

    contest, trust = result.contest, result.trust
    finalists: list[dict[str, Any]] = [
        {
            "place": finalist.place,
            "team": finalist.team,
            "values": dict(finalist.values),
            "award": finalist.award,
        }
        for finalist in result.finalists
    ]
    if trust is not None:
        for index, entry in enumerate(finalists):
            entry |= standings.trust_entry(trust, index)
            entry["intervals"] = {n: list(pairs[index]) for n, pairs in result.intervals.items()}
            entry["place_shares"] = list(result.places[index])
            entry["places_alone"] = {n: list(t.places[index]) for n, t in result.alone.items()}
    return {
        "contest": {"name": contest.name, "version": contest.version, "digest": contest.digest},
        "draws": trust and trust.draws,
        "confidence": trust and trust.confidence,
        "finalists": finalists,
        "not_ranked": dict(result.out),
        "constants": [asdict(sweep) for sweep in swept],
        "remarks": list(result.remarks),
    }
