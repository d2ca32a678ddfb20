"""`gpu-metrics study export`: bundles for jurors who cannot reach the server."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gpu_metrics.cli.app import say
from gpu_metrics.cli.study.group import group, study_verb
from gpu_metrics.errors import InputError

if TYPE_CHECKING:
    from gpu_metrics.study.manifest import Key, Manifest


@group.command()
@study_verb
def export(
    study: Annotated[Path, typer.Argument(help="Folder of the study, as `build` made it.")],
    key: Annotated[Path, typer.Option(help="The study's key, for the invitations in it.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for one zip file per juror.")
    ],
    juror: Annotated[
        list[str] | None, typer.Option(help="Name or id of a juror; again for more. All else.")
    ] = None,
) -> None:
    """Write a zip file per juror: unpacked, its index.html is the study without a server."""
    from gpu_metrics.study.manifest import MANIFEST, Key, Manifest
    from gpu_metrics.study.serving.bundle import write_bundle

    manifest, opened = Manifest.load(study / MANIFEST), Key.load(key)
    seats = _seats(opened, juror or [])
    cast = _cast(study, manifest, seats)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{output}: expected a folder, or a place for one: {error.strerror}"
        ) from error
    for seat in seats:
        path = output / f"{seat}.zip"
        write_bundle(path, study, manifest, opened, seat, cast=cast[seat])
        typer.echo(str(path))
    say("each file opens its juror's seat: send it to that juror alone")


def _seats(key: "Key", wanted: Sequence[str]) -> list[str]:
    names = {seat: juror.name for seat, juror in key.jurors.items()}
    if unknown := [name for name in wanted if name not in {*names, *names.values()}]:
        known = ", ".join(f"{name} ({seat})" for seat, name in names.items())
        raise InputError(f"--juror: no {unknown[0]!r} among the jurors: {known}")
    return [seat for seat, name in names.items() if not wanted or {seat, name} & {*wanted}]


def _cast(study: Path, manifest: "Manifest", seats: Sequence[str]) -> dict[str, set[str]]:
    """The screens that each of the jurors has voted on already."""
    from gpu_metrics.study.manifest import BALLOTS
    from gpu_metrics.study.store import BallotStore

    if not (study / BALLOTS).exists():
        return {seat: set() for seat in seats}
    with BallotStore(study / BALLOTS, manifest) as store:
        return {seat: {item.ballot.screen for item in store.of(seat)} for seat in seats}
