"""`gpu-metrics evalai`: score a challenge's submissions on a machine of one's own."""

import os
from pathlib import Path
from typing import Annotated

import typer

from gpu_metrics.cli.app import app, say, verb
from gpu_metrics.cli.score import DEFAULT_PROFILE
from gpu_metrics.errors import InputError
from gpu_metrics.profiles import load_profile

TOKEN = "EVALAI_AUTH_TOKEN"

group = typer.Typer(no_args_is_help=True, help="Score the submissions of an EvalAI challenge.")
app.add_typer(group, name="evalai")


@group.callback()
def evalai() -> None:
    """Keep `worker` a verb of its own, though it is alone."""


@group.command()
@verb
def worker(
    queue: Annotated[str, typer.Option(help="Name of the challenge's queue.")],
    challenge: Annotated[int, typer.Option(help="Primary key of the challenge.")],
    phase: Annotated[
        list[str], typer.Option(help="NUMBER,SPLIT,REFERENCE: a phase, and what it is scored by.")
    ],
    profile: Annotated[
        str, typer.Option(help="Name of a profile, or the path of a .toml file.")
    ] = DEFAULT_PROFILE,
    server: Annotated[str, typer.Option(help="Address of the server.")] = "https://eval.ai",
    wait: Annotated[float, typer.Option(help="Seconds until an empty queue is asked again.")] = 60,
    rounds: Annotated[
        int | None, typer.Option(help="Ask so many times; for ever by default.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    weights: Annotated[
        Path | None, typer.Option(help="File or folder with the LPIPS weights.")
    ] = None,
) -> None:
    """Ask for submissions, score them, and report; the token is taken from EVALAI_AUTH_TOKEN."""
    token = os.environ.get(TOKEN)
    if not token:
        raise InputError(f"{TOKEN}: expected the hosts' token in this environment variable")
    rules = load_profile(profile)
    phases = [_phase(text) for text in phase]

    from gpu_metrics.engine import Scorer
    from gpu_metrics.platforms.evalai_worker import Challenge, Track, serve

    tracks = {
        number: Track(Scorer(rules, reference, device=device, weights=weights, say=say), split)
        for number, split, reference in phases
    }
    serve(Challenge(server, token, queue, challenge), tracks, wait=wait, rounds=rounds, say=say)


def _phase(text: str) -> tuple[int, str, Path]:
    number, _, rest = text.partition(",")
    split, _, reference = rest.partition(",")
    if not (number.strip().isdecimal() and split.strip() and reference.strip()):
        raise InputError(f"--phase: expected NUMBER,SPLIT,REFERENCE, got {text!r}")
    return int(number), split.strip(), Path(reference.strip())
