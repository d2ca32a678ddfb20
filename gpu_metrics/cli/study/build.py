"""`gpu-metrics study build`: a blind study from the results of teams, and the key to it."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gpu_metrics.catalog import did_you_mean
from gpu_metrics.cli.app import progress, say
from gpu_metrics.cli.study.group import group, study_verb
from gpu_metrics.errors import InputError
from gpu_metrics.profiles import Images, load_profile
from gpu_metrics.results import cell

if TYPE_CHECKING:
    from gpu_metrics.board.view import Standing
    from gpu_metrics.contests import Contest
    from gpu_metrics.study.manifest import Key


@group.command()
@study_verb
def build(
    contest: Annotated[str, typer.Argument(help="Name of a contest, or the path of a .toml file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the study; new.")],
    key: Annotated[Path, typer.Option(help="File of the key to it; new, and kept elsewhere.")],
    jurors: Annotated[Path, typer.Option(help="CSV with juror,tied_to; teams separated by ;")],
    inputs: Annotated[Path, typer.Option(help="Folder or zip file: the input of every scene.")],
    results: Annotated[
        Path | None, typer.Option(help="Every folder and zip file in it is a team's results.")
    ] = None,
    team: Annotated[
        list[str] | None, typer.Option(help="NAME=PATH: the results of one more team.")
    ] = None,
    db: Annotated[
        str | None, typer.Option(help="Board that says who takes part: SQLite file, or URL.")
    ] = None,
    phase: Annotated[
        str | None, typer.Option(help="With --db: the phase; that of the invitation by default.")
    ] = None,
    top: Annotated[
        int | None, typer.Option(min=1, help="With --db: how many; as invited by default.")
    ] = None,
    scenes: Annotated[
        int | None, typer.Option(min=1, help="Scenes voted on; as the contest says by default.")
    ] = None,
    strata: Annotated[
        Path | None, typer.Option(help="CSV with scene,stratum: each stratum gives its share.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=0, help="Scenes shown twice without telling.")] = 5,
    practice: Annotated[int, typer.Option(min=0, help="Scenes to try the page on.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another draw of scenes.")] = 0,
    title: Annotated[
        str | None, typer.Option(help="What jurors see; the contest's name by default.")
    ] = None,
    links: Annotated[
        Path | None, typer.Option(help="Write the invitations here, as CSV, and do not print them.")
    ] = None,
) -> None:
    """Draw scenes and write a study without names; print invitations, and the hash to publish."""
    from gpu_metrics.contests import load_contest

    rules = load_contest(contest)
    found = _results(results, team or [])
    if db is not None:
        shown = _standing(rules, db, phase)
        images = shown.profile.images
        found = _on_board(shown, top or _invited(rules), found)
    elif phase is not None or top is not None:
        raise InputError("--phase, --top: expected --db with them")
    else:
        images = _images(rules)

    from gpu_metrics.study.building.build import Design, build_study, check_places
    from gpu_metrics.study.building.jurors import read_jurors, read_strata
    from gpu_metrics.study.manifest import Key

    if links is not None:
        check_places(output, key=key, links=links)
    design = Design(
        scenes=scenes,
        practice=practice,
        repeats=repeats,
        seed=seed,
        strata=None if strata is None else read_strata(strata),
    )
    with progress("scenes") as on_progress:
        manifest = build_study(
            output,
            key,
            contest=rules,
            images=images,
            candidates=found,
            inputs=inputs,
            jurors=read_jurors(jurors),
            design=design,
            title=title,
            on_progress=on_progress,
        )
    _tell(Key.load(key), links)
    typer.echo(f"manifest sha256: {manifest.sha256}")
    say("publish this hash before the first vote, and the manifest itself after the last")
    if len(manifest.seats) == 1:
        say("note: one juror cannot show how far jurors agree, or what hangs on one of them")


def _results(folder: Path | None, named: list[str]) -> dict[str, Path]:
    """The results of every team: those in a folder, and those named one by one."""
    from gpu_metrics.runs import submissions_in

    pairs = []
    for path in [] if folder is None else submissions_in(folder, but=folder):
        pairs.append((path.name if path.is_dir() else path.stem, path))
    for text in named:
        name, equals, place = text.partition("=")
        if not (name and equals and place):
            raise InputError(f"--team: expected NAME=PATH, got {text!r}")
        pairs.append((name, Path(place)))
    if not pairs:
        raise InputError("expected results: a folder of them with --results, or --team NAME=PATH")
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, path in pairs if found[name] is not path)
        raise InputError(f"{twice}: has results twice: {_places(pairs, twice)}")
    if absent := [f"{name}: {path}" for name, path in pairs if not path.exists()]:
        raise InputError("no such file or folder:\n  " + "\n  ".join(absent))
    return found


def _places(pairs: list[tuple[str, Path]], team: str) -> str:
    return " and ".join(str(path) for name, path in pairs if name == team)


def _standing(contest: "Contest", db: str, phase: str | None) -> "Standing":
    from gpu_metrics.board.store import opened
    from gpu_metrics.board.view import standing

    source = contest.invitation.source if contest.invitation is not None else None
    if phase is None and source is None:
        raise InputError(f"--phase: expected with --db, since {contest.name} invites nobody")
    with opened(db) as board:
        if source is None:
            return standing(board, phase or "")
        return standing(board, phase or source.phase, profile=source.profile, pick=source.pick)


def _invited(contest: "Contest") -> int:
    if contest.invitation is None:
        raise InputError(f"--top: expected with --db, since {contest.name} invites nobody")
    return contest.invitation.top


def _on_board(shown: "Standing", top: int, found: Mapping[str, Path]) -> dict[str, Path]:
    """The results of the first teams of a standing, without those that are struck out."""
    teams = [place.team for place in shown.places if place.struck is None][:top]
    if absent := [f"{team}{did_you_mean(team, found)}" for team in teams if team not in found]:
        raise InputError("no results of these teams:\n  " + "\n  ".join(absent))
    if others := sorted(found.keys() - {*teams}):
        say(f"note: not among the first {top} of {shown.phase}: {', '.join(others)}")
    return {team: found[team] for team in teams}


def _images(contest: "Contest") -> Images:
    """How the contest's boards pair and decode files."""
    from gpu_metrics.contests import BoardInput

    sources = [contest.invitation.source] if contest.invitation is not None else []
    sources += [given.source for given in contest.inputs.values() if isinstance(given, BoardInput)]
    if not sources:
        raise InputError(f"{contest.name}: has no profile, whose rules would pair files")
    return load_profile(sources[0].profile).images


def _tell(key: "Key", links: Path | None) -> None:
    from gpu_metrics.study.building.files import private_file

    columns = ["juror", "path"]
    rows = [[cell(juror.name), f"/join/{juror.invitation}"] for juror in key.jurors.values()]
    rows.append(["(organiser: progress)", f"/progress/{key.organiser}"])
    if links is None:
        from gpu_metrics.cli import render

        render.table(columns, rows, title="invitations")
    else:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([columns, *rows])
        with private_file(links, text.getvalue()):
            say(f"{links}: {len(rows)} links; each lets in whoever holds it")
