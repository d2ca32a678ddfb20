"""`gpu-metrics study report`: what the count of a jury's picks is worth."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gpu_metrics.cli.app import say
from gpu_metrics.cli.study.group import group, study_verb
from gpu_metrics.cli.tables import TableFormat, show
from gpu_metrics.errors import InputError
from gpu_metrics.profiles import load_profile
from gpu_metrics.results import Run, cell, write_atomically

if TYPE_CHECKING:
    from gpu_metrics.contests import Contest
    from gpu_metrics.study.manifest import Key, Manifest
    from gpu_metrics.study.votes import Vote
    from gpu_metrics.study.worth.objective import Objective


@group.command()
@study_verb
def report(
    study: Annotated[Path, typer.Argument(help="Folder of the study, with its ballots.")],
    key: Annotated[Path, typer.Option(help="Key of the study, as `build` made it.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Page to write.")],
    contest: Annotated[
        str | None,
        typer.Option(help="Contest, or path of a .toml file; that of the study by default."),
    ] = None,
    db: Annotated[
        str | None, typer.Option(help="Board with metrics: SQLite file, or postgresql://...")
    ] = None,
    phase: Annotated[str | None, typer.Option(help="With --db: the phase the jury judged.")] = None,
    profile: Annotated[
        str | None, typer.Option(help="Profile of the metrics, where there are several.")
    ] = None,
    runs: Annotated[
        list[str] | None, typer.Option(help="Instead of --db: TEAM=RUN.json, once per team.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write everything, with all digits.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Folder to write tables to.")] = None,
    names: Annotated[bool, typer.Option("--names", help="Name jurors instead of seats.")] = False,
    draws: Annotated[int, typer.Option(min=0, help="Draws of the bootstrap; 0 for none.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other draws.")] = 0,
) -> None:
    """Write what votes are worth: chance, agreement, influence, bias, metrics beside people."""
    from gpu_metrics.study.manifest import MANIFEST, Key, Manifest
    from gpu_metrics.study.tally import contest_of
    from gpu_metrics.study.worth.findings import findings
    from gpu_metrics.study.worth.report import summary, team_rows, to_html
    from gpu_metrics.study.worth.tables import to_csv
    from gpu_metrics.study.worth.weighing import weigh

    manifest, opening = Manifest.load(study / MANIFEST), Key.load(key)
    rules = contest_of(manifest.rules, contest)
    votes, remarks = _votes(study, manifest, opening, rules, names=names)
    objective = _objective(db, phase, profile, runs or [])
    worth = weigh(votes, rules, objective=objective, draws=draws, seed=seed, remarks=remarks)
    write_atomically(output, to_html(worth, title=manifest.title, study=manifest.sha256))
    if json is not None:
        write_atomically(json, worth.to_json())
    if csv is not None:
        for name, text in to_csv(worth).items():
            write_atomically(csv / f"{name}.csv", text)
    titles, rows = team_rows(worth)
    shown = [[place, cell(team), *numbers] for place, team, *numbers in rows]
    show(titles, shown, {}, format=TableFormat.table)
    say(summary(worth, manifest.sha256))
    for found in findings(worth):
        say(f"{'look' if found.kind == 'warn' else 'fine'}: {found.text}")


def _votes(
    study: Path, manifest: "Manifest", key: "Key", contest: "Contest", *, names: bool
) -> tuple[list["Vote"], list[str]]:
    """All votes, jurors by seat or name, and what a reader must know of them."""
    from gpu_metrics.study.tally import ballots_of, tally
    from gpu_metrics.study.votes import unblind

    cast = ballots_of(study, manifest)
    remarks = tally(manifest, key, cast, contest, names=names, draws=0).remarks
    votes = [
        vote if names else replace(vote, juror=item.juror)
        for item, vote in zip(cast, unblind(manifest, key, cast), strict=True)
    ]
    return votes, [*remarks]


def _objective(
    db: str | None, phase: str | None, profile: str | None, runs: list[str]
) -> "Objective | None":
    from gpu_metrics.study.worth.objective import Objective

    if db is not None:
        if phase is None or runs:
            raise InputError("--db: expected --phase with it, and no --runs")
        from gpu_metrics.board.store import opened

        with opened(db) as board:
            return Objective.of_board(board, phase, profile)
    if not runs:
        return None
    found = {}
    for text in runs:
        team, equals, path = text.partition("=")
        if not (team and equals and path) or team in found:
            raise InputError(f"--runs: expected TEAM=RUN.json, each team once, got {text!r}")
        found[team] = Run.load(path)
    first = next(iter(found.values()))
    return Objective.of_runs(found, load_profile(profile or first.profile.name))
