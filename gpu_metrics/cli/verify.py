"""`gpu-metrics verify`: whether a team's code gives what the team handed in."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gpu_metrics.cli.app import app, progress, say, verb
from gpu_metrics.cli.score import DEFAULT_PROFILE
from gpu_metrics.errors import SOME_REJECTED, InputError
from gpu_metrics.profiles import Profile, load_profile
from gpu_metrics.results import Run, write_atomically
from gpu_metrics.verify.comparison import compare
from gpu_metrics.verify.findings import Comparison, PixelChange
from gpu_metrics.verify.report import sections, summary, to_html
from gpu_metrics.verify.standing import read_scores, with_rank

if TYPE_CHECKING:
    from gpu_metrics.engine import Scorer

# images that a terminal shows; the page has all
_WORST = 10


class Format(StrEnum):
    """What is printed on stdout."""

    text = "text"
    json = "json"


@app.command()
@verb
def verify(
    online: Annotated[
        Path, typer.Argument(help="Run record (.json) or images (folder, zip) scored online.")
    ],
    reproduced: Annotated[Path, typer.Argument(help="The same of the re-run of the team's code.")],
    reference: Annotated[
        Path | None, typer.Option(help="Reference set, to score images: as for `score`.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="Name or path of a profile; that of the records by default.")
    ] = None,
    board: Annotated[
        Path | None, typer.Option(help="CSV with the columns team and score, for the rank.")
    ] = None,
    team: Annotated[str | None, typer.Option(help="The team's own name on the board.")] = None,
    db: Annotated[
        str | None, typer.Option(help="Instead of --board: SQLite file, or postgresql://...")
    ] = None,
    phase: Annotated[str | None, typer.Option(help="With --db: name of the phase.")] = None,
    strike: Annotated[
        bool, typer.Option("--strike", help="With --db: strike the team out where it deviates.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write the report as one page.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    weights: Annotated[
        Path | None, typer.Option(help="File or folder with the LPIPS weights.")
    ] = None,
    format: Annotated[Format, typer.Option(help="What stdout shows.")] = Format.text,
) -> None:
    """Compare a re-run of a team's code with its submission; exits with 1 where it deviates."""
    entry = _entry(db, phase, team)
    if entry is None and strike:
        raise InputError("--strike: expected --db, --phase and --team with it")
    before, after = (
        Run.load(path) if path.suffix == ".json" else None for path in (online, reproduced)
    )
    known = [run.profile.name for run in (before, after) if run is not None]
    rules = load_profile(profile or next(iter(known), DEFAULT_PROFILE))
    pixels: dict[str, PixelChange] = {}
    if before is None or after is None:
        scorer = _scorer(rules, reference, device, weights)
        if not known:
            pixels = _pixels(scorer, online, reproduced)
        before = before or _scored(scorer, online)
        after = after or _scored(scorer, reproduced)
    comparison = compare(before, after, rules, pixels=pixels)
    if entry is not None:
        comparison = with_rank(comparison, entry.others(rules), rules.ranking)
    elif board is not None:
        comparison = with_rank(comparison, read_scores(board, rules, team=team), rules.ranking)
    if html is not None:
        write_atomically(html, to_html(comparison, rules))
    if format is Format.json:
        typer.echo(comparison.to_json(), nl=False)
    else:
        _show(comparison, rules)
    if comparison.verdict == "deviates":
        if entry is not None and strike:
            entry.strike(comparison)
        raise typer.Exit(SOME_REJECTED)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A team in a phase of a board."""

    db: str
    phase: str
    team: str

    def others(self, rules: Profile) -> dict[str, float]:
        """What the other teams scored."""
        from gpu_metrics.board.store import opened
        from gpu_metrics.board.view import standing

        with opened(self.db) as board:
            places = standing(board, self.phase, profile=rules.digest).places
        return {place.team: place.value for place in places if place.team != self.team}

    def strike(self, comparison: Comparison) -> None:
        """Strike the team's details out; the board's history says why."""
        from gpu_metrics.board.store import opened

        with opened(self.db) as board:
            reason = f"the reproduction deviates: {comparison.reasons[0]}"
            new = board.strike(self.team, self.phase, reason=reason)
        say(f"{self.team}, {self.phase}: {'struck out' if new else 'struck out already'}")


def _entry(db: str | None, phase: str | None, team: str | None) -> _Entry | None:
    if db is None:
        return None
    if phase is None or team is None:
        raise InputError("--db: expected --phase and --team with it")
    return _Entry(db, phase, team)


def _show(comparison: Comparison, rules: Profile) -> None:
    from gpu_metrics.cli import render

    typer.echo(f"{comparison.verdict}: {'; '.join(comparison.reasons)}")
    typer.echo(summary(comparison))
    for section in sections(comparison, rules, images=_WORST):
        render.table(section.columns, section.rows, title=section.title)


def _scorer(rules: Profile, reference: Path | None, device: str, weights: Path | None) -> "Scorer":
    if reference is None:
        raise InputError("--reference: expected a reference set, since images have to be scored")

    from gpu_metrics.engine import Scorer

    return Scorer(rules, reference, device=device, weights=weights, say=say)


def _scored(scorer: "Scorer", path: Path) -> Run:
    with progress(f"scoring {path.name}") as on_progress:
        return scorer.score(path, on_progress=on_progress)


def _pixels(scorer: "Scorer", online: Path, reproduced: Path) -> dict[str, PixelChange]:
    from gpu_metrics.verify.pixels import pixel_changes

    files = [image.files for image in scorer.reference.images.values()]
    return pixel_changes(online, reproduced, files, scorer.profile.images)
