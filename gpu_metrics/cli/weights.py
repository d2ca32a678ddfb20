"""`gpu-metrics weights`: fetch the networks' weights and show what is there."""

from pathlib import Path
from typing import Annotated

import typer

from gpu_metrics.cli.app import app, say, verb


@app.command()
@verb
def weights(
    net: Annotated[list[str] | None, typer.Argument(help="alex, vgg; both by default.")] = None,
    path: Annotated[
        Path | None, typer.Option(help="Check this file or folder instead of fetching.")
    ] = None,
    offline: Annotated[bool, typer.Option(help="Only look; fetch nothing.")] = False,
) -> None:
    """Fetch the LPIPS weights, check them by content hash, and show where they are."""
    from gpu_metrics.cli import render
    from gpu_metrics.weights import PUBLISHED, find_weights

    found = [find_weights(n, path=path, offline=offline, say=say) for n in net or PUBLISHED]
    rows = [(w.net, PUBLISHED[w.net].trunk, w.sha256, w.source) for w in found]
    render.table(["net", "trunk", "content sha256", "found in"], rows)
