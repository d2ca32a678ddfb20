"""`gpu-metrics pack`: a reference set as one file that needs no decoding."""

from pathlib import Path
from typing import Annotated

import typer

from gpu_metrics.cli.app import app, say, verb
from gpu_metrics.cli.score import DEFAULT_PROFILE, reference_source
from gpu_metrics.profiles import load_profile


@app.command()
@verb
def pack(
    reference: Annotated[
        Path | None,
        typer.Argument(help="Folder with gt/ (or ref/) and mask/ (or mask_personmask/)."),
    ] = None,
    gt: Annotated[Path | None, typer.Option(help="Ground truth, instead of REFERENCE.")] = None,
    masks: Annotated[Path | None, typer.Option(help="Person masks, with --gt.")] = None,
    profile: Annotated[
        str, typer.Option(help="Name of a profile, or the path of a .toml file.")
    ] = DEFAULT_PROFILE,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write; give it as --reference.")
    ] = Path("reference.pack"),
) -> None:
    """Write a decoded, checked reference set as one file, for containers that start often."""
    source = reference_source(reference, gt, masks)
    rules = load_profile(profile)

    from gpu_metrics.devices import cores
    from gpu_metrics.pack import write_pack
    from gpu_metrics.reference import Reference

    found = Reference.load(source, rules, threads=cores())
    write_pack(found, rules, output)
    size = output.stat().st_size / 1e6
    say(f"{len(found.images)} images, {size:.0f} MB, reference {found.sha256[:16]}")
    typer.echo(output)
