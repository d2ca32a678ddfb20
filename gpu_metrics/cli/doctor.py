"""`gpu-metrics doctor`: what runs where, and a self-test against known answers."""

from typing import Annotated

import typer

from gpu_metrics.cli.app import app, say, verb
from gpu_metrics.errors import ENGINE_FAILED


@app.command()
@verb
def doctor(
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Show versions and devices, and check every metric against known answers."""
    from gpu_metrics.cli import render
    from gpu_metrics.devices import choose_device
    from gpu_metrics.doctor import facts, known_answers, missing_weights
    from gpu_metrics.kernels.launch import recorded

    render.table(["what", "found"], facts().items())
    chosen = choose_device(device)
    with recorded() as paths:
        checks = known_answers(chosen)
    rows = []
    for check in checks:
        verdict = "ok" if check.passed else "FAILED"
        wanted = "same bits" if check.tolerance == 0 else f"within {check.tolerance:.1e}"
        numbers = f"{check.expected:.9f}", f"{check.actual:.9f}"
        rows.append((check.name, *numbers, wanted, verdict))
    render.table(["known answer", "expected", "actual", "asked", ""], rows, title=f"on {chosen}")
    render.table(["kernel", "served by"], [(k, ", ".join(sorted(v))) for k, v in paths.items()])
    for net, reason in missing_weights().items():
        say(f"note: lpips, {net} was not checked: {reason}")
    if not all(check.passed for check in checks):
        raise typer.Exit(ENGINE_FAILED)
