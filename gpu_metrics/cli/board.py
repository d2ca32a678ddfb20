"""`gpu-metrics board`: a leaderboard that only grows."""

from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gpu_metrics.cli.app import app, say, verb
from gpu_metrics.cli.tables import TableFormat, show
from gpu_metrics.errors import SOME_REJECTED, InputError
from gpu_metrics.profiles import load_profile


class Pick(StrEnum):
    """Which submission of a team counts."""

    best = "best"
    last = "last"


group = typer.Typer(
    no_args_is_help=True, help="Keep submissions and runs, and show the standing of a phase."
)
app.add_typer(group, name="board")

Database = Annotated[str, typer.Option("--db", help="SQLite file, or postgresql://USER@HOST/NAME.")]
Team = Annotated[str, typer.Option(help="Name of the team.")]
Phase = Annotated[str, typer.Option(help="Name of the phase.")]
Submission = Annotated[
    int,
    typer.Argument(
        min=1, max=2**31 - 1, help="Number of the submission, as `add` and `history` tell it."
    ),
]
Scored = Annotated[
    str | None,
    typer.Option(
        "--profile", help="Name, or first digits of the digest, of a profile on the board."
    ),
]
Rules = Annotated[
    str | None,
    typer.Option("--profile", help="Name or .toml file; the one that records name by default."),
]


@group.command()
@verb
def add(
    runs: Annotated[list[Path], typer.Argument(help="Run records, one per submission.")],
    db: Database,
    team: Team,
    phase: Phase,
    at: Annotated[
        str | None, typer.Option(help="When they arrived, as 2026-03-01T12:00:00Z; now else.")
    ] = None,
    profile: Rules = None,
) -> None:
    """Add submissions of a team; a record that is there already is told, not doubled."""
    from gpu_metrics.board.store import opened
    from gpu_metrics.results import Run

    arrived = datetime.now(UTC) if at is None else _moment(at)
    with opened(db, create=True) as board:
        for path in runs:
            run = Run.load(path)
            rules = load_profile(profile or run.profile.name)
            added = board.add(run, rules, team=team, phase=phase, at=arrived)
            what = "added as" if added.new else "there already, as"
            typer.echo(f"{path}: {what} submission {added.submission}")
            if run.status == "partial":
                say(f"note: {path} is partial; it is kept and never ranks")
            if why := board.why_withdrawn(added.submission):
                say(f"note: {path} is withdrawn ({why}); `board reinstate` lets it rank again")


@group.command()
@verb
def rescore(
    folder: Annotated[Path, typer.Argument(help="Folder with the new run records, *.json.")],
    db: Database,
    phase: Phase,
    profile: Rules = None,
) -> None:
    """Append new runs to the submissions that consist of the same files; nothing is replaced."""
    from gpu_metrics.board.store import opened
    from gpu_metrics.results import Run

    if not (paths := sorted(folder.glob("*.json"))):
        raise InputError(f"{folder}: expected run records, found no .json file")
    unknown = 0
    with opened(db) as board:
        for path in paths:
            run = Run.load(path)
            rules = load_profile(profile or run.profile.name)
            try:
                found = board.rescore(run, rules, phase=phase)
            except InputError as error:
                unknown += 1
                say(f"{path}: {error}")
                continue
            new = [str(added.submission) for added in found if added.new]
            what = f"appended to submission {', '.join(new)}" if new else "there already"
            typer.echo(f"{path}: {what}")
    if unknown:
        say(f"{unknown} of {len(paths)} records belong to no submission")
        raise typer.Exit(SOME_REJECTED)


@group.command("show")
@verb
def show_board(
    db: Database,
    phase: Phase,
    profile: Scored = None,
    pick: Annotated[Pick, typer.Option(help="Which submission of a team counts.")] = Pick.best,
    draws: Annotated[
        int, typer.Option(min=0, help="Draws of the bootstrap over images; 0 for none.")
    ] = 4000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other draws.")] = 0,
    format: Annotated[TableFormat, typer.Option(help="What stdout shows.")] = TableFormat.table,
) -> None:
    """Show the standing of a phase, and how far its order can be trusted."""
    from gpu_metrics.board.store import opened
    from gpu_metrics.board.view import standing
    from gpu_metrics.cli import standings

    trust = None
    with opened(db) as board:
        shown = standing(board, phase, profile=profile, pick=pick.value)
        if draws and shown.places:
            from gpu_metrics.ranking.boards import trust_in

            try:
                trust = trust_in(board, shown, draws=draws, seed=seed)
            except InputError as error:
                say(f"note: no intervals: {error}")
    columns, rows = standings.table(shown, trust)
    rules = shown.profile
    title = (
        f"{phase}: {rules.name} {rules.version} ({rules.digest[:12]}), {shown.pick} of each team"
    )
    show(columns, rows, standings.document(shown, trust), format=format, title=title)
    for remark in [*shown.remarks(), *standings.remarks(trust)]:
        say(f"note: {remark}")


@group.command()
@verb
def strike(
    db: Database,
    team: Team,
    phase: Phase,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the history.")],
) -> None:
    """Strike out the details of a team in a phase: the board shows "-" in their place."""
    from gpu_metrics.board.store import opened

    with opened(db) as board:
        new = board.strike(team, phase, reason=reason)
    typer.echo(f"{team}, {phase}: {'struck out' if new else 'struck out already'}")


@group.command()
@verb
def restore(
    db: Database,
    team: Team,
    phase: Phase,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the history.")],
) -> None:
    """Undo a strike; the history keeps both."""
    from gpu_metrics.board.store import opened

    with opened(db) as board:
        new = board.restore(team, phase, reason=reason)
    typer.echo(f"{team}, {phase}: {'restored' if new else 'was not struck out'}")


@group.command()
@verb
def withdraw(
    submission: Submission,
    db: Database,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the history.")],
) -> None:
    """Let a submission rank no more, such as a wrong file; what it scored stays in the history."""
    from gpu_metrics.board.store import opened

    with opened(db) as board:
        new = board.withdraw(submission, reason=reason)
    typer.echo(f"submission {submission}: {'withdrawn' if new else 'withdrawn already'}")


@group.command()
@verb
def reinstate(
    submission: Submission,
    db: Database,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the history.")],
) -> None:
    """Undo a withdrawal; the history keeps both."""
    from gpu_metrics.board.store import opened

    with opened(db) as board:
        new = board.reinstate(submission, reason=reason)
    typer.echo(f"submission {submission}: {'reinstated' if new else 'was not withdrawn'}")


@group.command("history")
@verb
def show_history(
    db: Database,
    team: Annotated[str | None, typer.Option(help="Of this team alone.")] = None,
    phase: Annotated[str | None, typer.Option(help="In this phase alone.")] = None,
    format: Annotated[TableFormat, typer.Option(help="What stdout shows.")] = TableFormat.table,
) -> None:
    """Show all that happened, oldest first: submissions, runs, and what the host said of them."""
    from gpu_metrics.board.history import history
    from gpu_metrics.board.store import opened
    from gpu_metrics.results import cell

    with opened(db) as board:
        events = history(board, team=team, phase=phase)
    columns = ["at", "team", "phase", "submission", "what", "detail"]
    rows = [
        (f"{e.at:%Y-%m-%d %H:%M:%SZ}", cell(e.team), cell(e.phase))
        + ("" if e.submission is None else str(e.submission), e.what, cell(e.detail))
        for e in events
    ]
    document = [asdict(e) | {"at": e.at.isoformat()} for e in events]
    show(columns, rows, {"events": document}, format=format)


@group.command("export")
@verb
def export_lines(
    db: Database,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; stdout by default.")
    ] = None,
) -> None:
    """Write a whole board as lines of JSON, which `import` reads into any database."""
    from gpu_metrics.board.store import opened
    from gpu_metrics.board.transfer import export_board
    from gpu_metrics.results import write_atomically

    with opened(db) as board:
        if output is None:
            for line in export_board(board):
                typer.echo(line, nl=False)
        else:
            write_atomically(output, "".join(export_board(board)))


@group.command("import")
@verb
def import_lines(
    file: Annotated[Path, typer.Argument(help="What `export` wrote.")], db: Database
) -> None:
    """Add to a board what an export holds and the board does not."""
    from gpu_metrics.board.store import opened
    from gpu_metrics.board.transfer import import_board

    with file.open(encoding="utf-8") as lines, opened(db, create=True) as board:
        new = import_board(board, lines)
    typer.echo(f"new: {new.submissions} submissions, {new.runs} runs, {new.marks} marks")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InputError(
            f"--at: expected a time with its zone, such as 2026-03-01T12:00:00Z, got {text!r}"
        )
    return moment
