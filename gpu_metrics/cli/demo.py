"""`gpu-metrics demo`: a small leaderboard from photographs that are on the machine already."""

from pathlib import Path
from typing import Annotated

import typer

from gpu_metrics.cli.app import app, progress, say, verb
from gpu_metrics.cli.score import DEFAULT_PROFILE
from gpu_metrics.profiles import load_profile


@app.command()
@verb
def demo(
    folder: Annotated[Path, typer.Option(help="Where the set is built, and kept.")] = Path(
        "gpu-metrics-demo"
    ),
    groups: Annotated[int, typer.Option(min=1, max=999, help="Images in the set.")] = 6,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other scenes.")] = 0,
    profile: Annotated[str, typer.Option(help="Name or path of a profile.")] = DEFAULT_PROFILE,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Build a reference set with competing restorations, score them all, print the leaderboard."""
    rules = load_profile(profile)

    from gpu_metrics.cli import render
    from gpu_metrics.demo import build_demo
    from gpu_metrics.engine import Scorer

    with progress("building the demo set") as on_progress:
        built = build_demo(folder, groups=groups, seed=seed, on_progress=on_progress)
    scorer = Scorer(rules, built.reference, device=device, say=say)
    runs = []
    for team, submission in built.submissions.items():
        with progress(f"scoring {team}") as on_progress:
            run = scorer.score(submission, name=team, on_progress=on_progress)
        run.save(folder / "runs" / f"{team}.json")
        runs.append(run)
    render.leaderboard(runs, rules)
    say(f"images, submissions and run records are in {folder}")
