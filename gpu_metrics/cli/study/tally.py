"""`gpu-metrics study tally`: who was picked how often, and what that is worth in points."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gpu_metrics.cli.app import say
from gpu_metrics.cli.study.group import group, study_verb
from gpu_metrics.cli.tables import TableFormat, show

if TYPE_CHECKING:
    from gpu_metrics.study.tally import Tally


@group.command()
@study_verb
def tally(
    study: Annotated[Path, typer.Argument(help="Folder of the study, with its ballots.")],
    key: Annotated[Path, typer.Option(help="Key of the study, as `build` made it.")],
    contest: Annotated[
        str | None,
        typer.Option(help="Contest, or path of a .toml file; that of the study by default."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", help="CSV to write votes to, for `final --given`.")
    ] = None,
    names: Annotated[bool, typer.Option("--names", help="Name jurors instead of seats.")] = False,
    draws: Annotated[int, typer.Option(min=0, help="Draws of the bootstrap; 0 for none.")] = 4000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other draws.")] = 0,
    format: Annotated[TableFormat, typer.Option(help="What stdout shows.")] = TableFormat.table,
) -> None:
    """Count the picks of all ballots that were cast, and map them to the score of the jury."""
    from gpu_metrics.results import write_atomically
    from gpu_metrics.study import tally as counting
    from gpu_metrics.study.manifest import MANIFEST, Key, Manifest

    manifest, opening = Manifest.load(study / MANIFEST), Key.load(key)
    rules = counting.contest_of(manifest.rules, contest)
    cast = counting.ballots_of(study, manifest)
    found = counting.tally(manifest, opening, cast, rules, names=names, draws=draws, seed=seed)
    if out is not None:
        write_atomically(out, found.to_csv())
    titles, rows = _table(found)
    title = f"{rules.name} {rules.version} ({rules.digest[:12]}): {manifest.title}"
    show(titles, rows, _document(found), format=format, title=title)
    for remark in found.remarks:
        say(f"note: {remark}")


def _table(found: "Tally") -> tuple[list[str], list[list[str]]]:
    from gpu_metrics.cli import standings
    from gpu_metrics.ranking.votes import rules_of
    from gpu_metrics.results import cell

    score = rules_of(found.contest).score
    column = found.contest.columns.get(score)
    digits = 2 if column is None else column.digits
    titles = ["team", "picked", "of", "share", "picks", column.title if column else score]
    rows = [
        [
            cell(team.team),
            f"{team.picked}",
            f"{team.shown}",
            f"{team.share:.3f}",
            f"{team.picks:.6g}",
            f"{team.score:.{digits}f}",
        ]
        for team in found.teams
    ]
    if found.draws:
        titles.append(f"{found.confidence:.0%} interval")
        for team, row in zip(found.teams, rows, strict=True):
            if team.score_interval is not None:
                row.append(standings.interval(team.score_interval, digits))
    return titles, rows


def _document(found: "Tally") -> dict[str, Any]:
    from dataclasses import asdict

    from gpu_metrics.ranking.votes import rules_of

    contest, rules = found.contest, rules_of(found.contest)
    return {
        "contest": {"name": contest.name, "version": contest.version, "digest": contest.digest},
        "counted": {key: getattr(rules, key) for key in ("gives", "score", "pooling", "ties")},
        "jurors": len(found.jury.jurors),
        "scenes": len(found.jury.scenes),
        "ballots": int(found.jury.cast.sum()),
        "missing": dict(found.missing),
        "draws": found.draws,
        "confidence": found.confidence,
        "teams": [asdict(team) | {"share": team.share} for team in found.teams],
        "remarks": list(found.remarks),
    }
