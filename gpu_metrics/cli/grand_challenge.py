"""`gpu-metrics grand-challenge`: what runs in an evaluation container."""

from pathlib import Path
from typing import Annotated

import typer

from gpu_metrics.cli.app import app, verb
from gpu_metrics.cli.score import DEFAULT_PROFILE
from gpu_metrics.profiles import load_profile


@app.command()
@verb
def grand_challenge(
    profile: Annotated[
        str, typer.Option(help="Name of a profile, or the path of a .toml file.")
    ] = DEFAULT_PROFILE,
    reference: Annotated[
        Path, typer.Option(help="Ground truth: folder with gt/ and mask/, or a packed file.")
    ] = Path("/opt/ml/input/data/ground_truth"),
    input_: Annotated[
        Path, typer.Option("--input", help="predictions.json with its files, or images.")
    ] = Path("/input"),
    output: Annotated[Path, typer.Option(help="Gets metrics.json.")] = Path("/output"),
    slug: Annotated[
        str | None, typer.Option(help="Socket of the image that algorithms write.")
    ] = None,
    input_slug: Annotated[
        str | None, typer.Option(help="Socket of the image that algorithms are given.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    weights: Annotated[
        Path | None, typer.Option(help="File or folder with the LPIPS weights.")
    ] = None,
) -> None:
    """Score predictions in a Grand Challenge evaluation container."""
    rules = load_profile(profile)

    from gpu_metrics.platforms.grand_challenge import run_evaluation

    code = run_evaluation(
        input_,
        output,
        reference,
        rules,
        slug=slug,
        input_slug=input_slug,
        device=device,
        weights=weights,
    )
    raise typer.Exit(code)
