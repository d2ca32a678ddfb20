"""`gpu-metrics score`: one submission against one reference set."""

from contextlib import nullcontext
from dataclasses import astuple
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gpu_metrics.cache import RowCache
from gpu_metrics.cli.app import app, progress, say, talk, verb
from gpu_metrics.errors import SOME_REJECTED, InputError
from gpu_metrics.pairing import Folders
from gpu_metrics.profiles import load_profile

DEFAULT_PROFILE = "raim2026-flash-portrait"


class Format(StrEnum):
    """What is printed on stdout."""

    table = "table"
    json = "json"


@app.command()
@verb
def score(
    submission: Annotated[
        Path, typer.Argument(help="Folder or zip file with the restored images.")
    ],
    reference: Annotated[
        Path | None,
        typer.Option(
            help="Folder with gt/ (or ref/) and mask/ (or mask_personmask/), or a packed file."
        ),
    ] = None,
    gt: Annotated[Path | None, typer.Option(help="Ground truth, instead of --reference.")] = None,
    masks: Annotated[Path | None, typer.Option(help="Person masks, with --gt.")] = None,
    profile: Annotated[
        str, typer.Option(help="Name of a profile, or the path of a .toml file.")
    ] = DEFAULT_PROFILE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the run record, as JSON.")
    ] = None,
    per_image: Annotated[
        Path | None, typer.Option(help="Write one line per image, as CSV.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    weights: Annotated[
        Path | None, typer.Option(help="File or folder with the LPIPS weights.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Images in work at once; one per core by default.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Keep measured rows in this folder, and use them again.")
    ] = None,
    profile_run: Annotated[
        Path | None,
        typer.Option(help="Write where the time went, as a trace that Perfetto shows."),
    ] = None,
    format: Annotated[Format, typer.Option(help="What stdout shows.")] = Format.table,
) -> None:
    """Score a folder or a zip file of restored images."""
    source = reference_source(reference, gt, masks)
    rules = load_profile(profile)

    from gpu_metrics.cli import render
    from gpu_metrics.engine import Scorer
    from gpu_metrics.timeline import recording

    rows = RowCache(cache) if cache else None
    scorer = Scorer(
        rules, source, device=device, weights=weights, threads=threads, cache=rows, say=say
    )
    with progress(f"scoring {submission.name}") as on_progress:
        with recording() if profile_run else nullcontext() as timeline:
            run = scorer.score(submission, on_progress=on_progress)
    if output is not None:
        run.save(output)
    if per_image is not None:
        run.save_table(per_image)
    if format is Format.json:
        typer.echo(run.to_json(), nl=False)
    else:
        render.run(run, rules)
    if timeline is not None and profile_run is not None:
        timeline.save(profile_run)
        render.stages(map(astuple, timeline.stages()), talk)
    for warning in run.warnings:
        say(f"note: {warning}")
    for item in run.rejected:
        say(f"rejected: {item.file}: {item.reason}")
    if run.rejected:
        count = f"{len(run.rejected)} of {len(run.rejected) + len(run.images)} images"
        say(f"{count} rejected, so there is no score")
        raise typer.Exit(SOME_REJECTED)


def reference_source(reference: Path | None, gt: Path | None, masks: Path | None) -> Path | Folders:
    """What --reference, or --gt and --masks, name; InputError where neither or both are given."""
    if reference is not None and gt is None and masks is None:
        return reference
    if reference is None and gt is not None:
        return Folders(gt, masks)
    raise InputError("expected either --reference DIR, or --gt DIR with --masks DIR")
