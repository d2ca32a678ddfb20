"""`gpu-metrics bench`: how fast this machine scores, and where the time goes."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gpu_metrics.cli.app import app, progress, say, verb
from gpu_metrics.cli.score import DEFAULT_PROFILE
from gpu_metrics.errors import InputError
from gpu_metrics.profiles import load_profile


@app.command()
@verb
def bench(
    submission: Annotated[
        Path | None, typer.Argument(help="Folder of restored images; the demo set by default.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Its reference set, a folder or a packed file.")
    ] = None,
    groups: Annotated[int, typer.Option(min=1, max=999, help="Images of the demo set.")] = 6,
    folder: Annotated[Path, typer.Option(help="Where the demo set is built, and kept.")] = Path(
        "gpu-metrics-demo"
    ),
    profile: Annotated[str, typer.Option(help="Name or path of a profile.")] = DEFAULT_PROFILE,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="As for score.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Timed repetitions.")] = 5,
    official_images: Annotated[
        int, typer.Option(min=0, help="Images that the organisers' procedure is timed on.")
    ] = 6,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the figures as JSON.")
    ] = None,
) -> None:
    """Time a warm scorer against the organisers' procedure, on the same device in the same run."""
    if (submission is None) != (reference is None):
        raise InputError("expected SUBMISSION with --reference, or neither for the demo set")
    rules = load_profile(profile)

    from gpu_metrics import bench as timing
    from gpu_metrics.cli import render
    from gpu_metrics.demo import build_demo
    from gpu_metrics.engine import Scorer
    from gpu_metrics.results import write_atomically

    if submission is None or reference is None:
        with progress("building the demo set") as on_progress:
            built = build_demo(folder, groups=groups, on_progress=on_progress)
        submission, reference = built.submissions["gain-denoise"], built.reference
    scorer = Scorer(rules, reference, device=device, threads=threads, say=say)
    with progress("timing") as on_progress:
        report = timing.bench(
            scorer,
            submission,
            rounds=rounds,
            official_images=official_images,
            on_progress=on_progress,
        )
    render.timings(report)
    if report.speedup() is None:
        say(f"the organisers' procedure was not timed: it takes folders, by {timing.OFFICIAL}")
    if output is not None:
        write_atomically(output, json.dumps(report.record(), indent=1) + "\n")
