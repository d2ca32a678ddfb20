"""`gpu-metrics profiles`: the rules of leaderboards, listed, shown and checked."""

from typing import Annotated

import typer

from gpu_metrics.cli.app import app, say, verb
from gpu_metrics.errors import InputError
from gpu_metrics.profiles import load_profile, profile_names

group = typer.Typer(no_args_is_help=True, help="List, show and check the rules of leaderboards.")
app.add_typer(group, name="profiles")

Name = Annotated[str, typer.Argument(help="Name of a profile, or the path of a .toml file.")]


@group.command("list")
@verb
def list_profiles() -> None:
    """List the profiles that come with the package."""
    from gpu_metrics.cli import render

    profiles = [load_profile(name) for name in profile_names()]
    rows = [(p.name, p.version, p.digest[:12], p.title) for p in profiles]
    render.table(["profile", "version", "digest", "title"], rows)


@group.command()
@verb
def show(profile: Name) -> None:
    """Print a profile as its TOML text; its digest goes to stderr."""
    loaded = load_profile(profile)
    typer.echo(loaded.text, nl=False)
    say(f"digest: {loaded.digest}")


@group.command()
@verb
def check(
    profile: Name,
    at: Annotated[
        list[str] | None,
        typer.Option(help="A measure's value, as psnr_bg=24; the profile's typical ones else."),
    ] = None,
) -> None:
    """Explain a formula at an operating point, and warn where improving lowers the score."""
    from gpu_metrics.cli import render
    from gpu_metrics.explain import explain

    loaded = load_profile(profile)
    found = explain(loaded, dict(_assignment(text) for text in at or []))
    typer.echo(f"{loaded.name} {loaded.version}, digest {loaded.digest}")
    render.explanation(found)
    for text in found.warnings:
        typer.echo(f"warning: {text}")
    for text in found.remarks:
        typer.echo(f"note: {text}")


def _assignment(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise InputError(f"--at: expected NAME=NUMBER, got {text!r}") from None
