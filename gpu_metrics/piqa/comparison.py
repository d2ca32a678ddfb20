"""Run records beside each other, and beside people."""

from pathlib import Path
from typing import Any

from gpu_metrics.errors import InputError
from gpu_metrics.piqa.agreement import Agreement, Weights, agreement, load_scores
from gpu_metrics.piqa.selection import McNemar, mcnemar
from gpu_metrics.results import Run


def compare_choices(first: Run, second: Run) -> McNemar:
    """McNemar's test on the choices of two runs by one profile on one set of experts' answers."""
    for what, pair in {
        "profile": (first.profile.digest, second.profile.digest),
        "experts' answers": (_fact(first, "reference_sha256"), _fact(second, "reference_sha256")),
    }.items():
        if pair[0] != pair[1]:
            names = f"{first.submission} and {second.submission}"
            raise InputError(f"{names} cannot be compared: they differ in {what}")
    return mcnemar(_right(first), _right(second))


def compare_judge(run: Run, people: str | Path, *, weights: Weights = "quadratic") -> Agreement:
    """Agreement of a run's judge with people's scores, a CSV file with the columns id and score.

    The judge's score is the mean of both orders, rounded half up to the scale that people used.
    """
    if not (judge := _fact(run, "judge")):
        raise InputError(f"{run.submission}: no judge was asked in this run")
    lowest, highest = judge["scale"]
    scores = load_scores(people, lowest=lowest, highest=highest)
    means = {id_: float((a + b + 1) // 2) for id_, (a, b) in judge["scores"].items()}
    return agreement(means, scores, weights=weights)


def _right(run: Run) -> dict[str, bool]:
    return {id_: answer["right"] for id_, answer in _fact(run, "answers").items()}


def _fact(run: Run, name: str) -> Any:
    if name not in run.provenance or "answers" not in run.provenance:
        raise InputError(f"{run.submission}: expected the record of a run of `piqa score`")
    return run.provenance[name]
