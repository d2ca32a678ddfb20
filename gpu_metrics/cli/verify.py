"""`gpu-metrics verify`: whether a team's code gives what the team handed in."""

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
    team: Annotated[str | None, typer.Option(help="The team's own row in it.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as one page.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    weights: Annotated[
        Path | None, typer.Option(help="File or folder with the LPIPS weights.")
    ] = None,
    format: Annotated[Format, typer.Option(help="What stdout shows.")] = Format.text,
) -> None:
    """Compare a re-run of a team's code with its submission; exits with 1 where it deviates."""
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
    if board is not None:
        others = read_scores(board, rules, team=team)
        comparison = with_rank(comparison, others, rules.ranking)
    if html is not None:
        write_atomically(html, to_html(comparison, rules))
    if format is Format.json:
        typer.echo(comparison.to_json(), nl=False)
    else:
        _show(comparison, rules)
    if comparison.verdict == "deviates":
        raise typer.Exit(SOME_REJECTED)


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
