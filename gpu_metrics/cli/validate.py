"""`gpu-metrics validate`: what scoring would say of a submission, without ground truth."""

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gpu_metrics.cli.app import app, verb
from gpu_metrics.cli.score import DEFAULT_PROFILE
from gpu_metrics.errors import REFUSED, SOME_REJECTED, InputError
from gpu_metrics.pairing import reference_folders
from gpu_metrics.profiles import Profile, load_profile

if TYPE_CHECKING:
    from gpu_metrics.intake.validation import Wanted


class Form(StrEnum):
    """How the report is printed."""

    text = "text"
    json = "json"


@app.command()
@verb
def validate(
    submission: Annotated[Path, typer.Argument(help="Folder or zip file with the images.")],
    reference: Annotated[
        Path | None, typer.Option(help="Folder with gt/ (or ref/); masks are not needed.")
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(help="Text file: a name on each line, and WIDTHxHEIGHT after it if known."),
    ] = None,
    profile: Annotated[
        str, typer.Option(help="Name of a profile, or the path of a .toml file.")
    ] = DEFAULT_PROFILE,
    size: Annotated[
        str | None, typer.Option(help="WIDTHxHEIGHT of the names that come without.")
    ] = None,
    deep: Annotated[bool, typer.Option("--deep", help="Decode every image, too.")] = False,
    format: Annotated[Form, typer.Option(help="How the report is printed.")] = Form.text,
) -> None:
    """Check names, sizes and files of a submission; nothing is scored."""
    rules = load_profile(profile)
    wanted = _wanted(reference, names, size, rules)

    from gpu_metrics.intake.validation import validate as examine

    report = examine(submission, wanted, rules.images, deep=deep)
    if format is Form.json:
        typer.echo(report.to_json())
    else:
        typer.echo(
            f"{report.submission}: {report.status}, {report.fit} of {report.images} images fit"
        )
        for problem in report.problems:
            typer.echo(f"problem: {problem}")
        for item in report.rejected:
            typer.echo(f"rejected: {item.file}: {item.reason}")
        for remark in report.remarks:
            typer.echo(f"note: {remark}")
    code = {"accepted": 0, "partial": SOME_REJECTED, "refused": REFUSED}[report.status]
    raise typer.Exit(code)


def _wanted(
    reference: Path | None, names: Path | None, size: str | None, profile: Profile
) -> "list[Wanted]":
    from gpu_metrics.intake.validation import wanted_by_names, wanted_by_reference

    if reference is not None and names is None and size is None:
        return wanted_by_reference(reference_folders(reference), profile)
    if names is None or reference is not None:
        raise InputError("expected either --reference DIR, or --names FILE, perhaps with --size")
    match = re.fullmatch(r"([0-9]+)x([0-9]+)", size or "0x0")
    if match is None:
        raise InputError(f"--size: expected WIDTHxHEIGHT, got {size!r}")
    common = (int(match[1]), int(match[2])) if size else None
    return wanted_by_names(names, profile.images, size=common)
