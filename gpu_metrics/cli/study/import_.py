"""`gpu-metrics study import`: the ballots of bundles come home."""

from pathlib import Path
from typing import Annotated

import typer

from gpu_metrics.cli.app import say
from gpu_metrics.cli.study.group import group, study_verb
from gpu_metrics.errors import SOME_REJECTED, InputError


@group.command("import")
@study_verb
def import_files(
    study: Annotated[Path, typer.Argument(help="Folder of the study, as `build` made it.")],
    files: Annotated[list[Path], typer.Argument(help="What jurors saved in their bundles.")],
) -> None:
    """Keep the ballots of jurors' files: all of a file or, where one contradicts, none."""
    from gpu_metrics.study.manifest import BALLOTS, MANIFEST, Manifest
    from gpu_metrics.study.serving.bundle import import_ballots
    from gpu_metrics.study.store import BallotStore

    refused = 0
    with BallotStore(study / BALLOTS, Manifest.load(study / MANIFEST)) as store:
        for path in files:
            try:
                typer.echo(f"{path}: {import_ballots(path, store)} new")
            except InputError as error:
                refused += 1
                say(f"refused: {error}")
    if refused:
        say(f"{refused} of {len(files)} files are refused; nothing of them is kept")
        raise typer.Exit(SOME_REJECTED)
