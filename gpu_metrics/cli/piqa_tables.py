"""Results on answers as tables for people."""

from collections.abc import Mapping
from typing import Any

import typer

from gpu_metrics.cli.render import table
from gpu_metrics.page import number
from gpu_metrics.piqa.agreement import Agreement
from gpu_metrics.piqa.selection import McNemar
from gpu_metrics.profiles import Profile
from gpu_metrics.results import Run


def run(record: Run, profile: Profile) -> None:
    """The record of one submission: measures, the formula, and how well images were chosen."""
    stamp, by = record.profile, profile.ranking.by
    title = f"{record.submission}: {stamp.name} {stamp.version}, {len(record.images)} answers"
    corpus = record.provenance["corpus"]
    rows = []
    for name, mean in record.means.items():
        count = record.counts[name]
        left_out = f"{count.not_scored}" if count.not_scored else ""
        whole = number(corpus[name]) if name in corpus else ""
        rows.append((name, number(mean), whole, f"{count.scored}", left_out))
    columns = ["mean over answers", "value", "all at once", "scored", "not scored"]
    table(columns, rows, title=title)
    values = [
        (name, number(value, profile.ranking.digits if name == by else 4))
        for name, value in record.scores.items()
    ]
    table(["formula", "value"], values)
    _selection(record.provenance["selection"])
    if judge := record.provenance["judge"]:
        cost = "" if judge["cost"] is None else f", cost {judge['cost']:.4f}"
        typer.echo(
            f"judge: {judge['model']}, {judge['calls']} calls, {judge['cached']} answers kept from "
            f"before, {judge['prompt_tokens']} + {judge['completion_tokens']} tokens{cost}"
        )


def choices(first: Run, second: Run, found: McNemar) -> None:
    """Two teams on the same pairs."""
    a, b = first.submission, second.submission
    rows = [
        ("both", f"{found.both}"),
        (f"{a} alone", f"{found.only_first}"),
        (f"{b} alone", f"{found.only_second}"),
        ("neither", f"{found.neither}"),
    ]
    table(["chosen rightly by", "pairs"], rows, title=f"{a} against {b}")
    typer.echo(f"McNemar's exact test: p = {found.p_value:.4g}")


def agreement(found: Agreement) -> None:
    """A judge beside people."""
    rows = [
        (name, number(e.value), number(e.low), number(e.high))
        for name, e in (
            (f"Cohen's kappa, weights {found.weights}", found.kappa),
            ("Spearman's correlation", found.spearman),
        )
    ]
    title = f"judge and people, {found.items} answers"
    table(["agreement", "value", "95 % from", "to"], rows, title=title)


def _selection(found: Mapping[str, Any]) -> None:
    shown = {
        "accuracy": found["accuracy"],
        **{f"accuracy, {kind}": part for kind, part in found["categories"].items()},
        **{f"accuracy where {image} is better": part for image, part in found["recall"].items()},
        "A chosen": found["position"]["chosen_a"],
        "A better": found["position"]["better_a"],
    }
    if swapped := found["swapped"]:
        shown["same image when swapped"] = swapped["consistent"]
        shown["accuracy when swapped"] = swapped["right"]
        shown["right in both orders"] = swapped["both_right"]
    rows = [
        (name, f"{part['count']}/{part['total']}", *(number(part[k]) for k in _INTERVAL))
        for name, part in shown.items()
    ]
    table(["choices", "count", "share", "95 % from", "to"], rows)
    place = found["position"]
    typer.echo(
        f"balanced accuracy {number(found['balanced_accuracy'])}; chosen wrongly: "
        f"{place['toward_a']} times A, {place['toward_b']} times B (p = {place['p_value']:.4g}), "
        f"{found['unreadable']} unreadable"
    )


_INTERVAL = ("rate", "low", "high")
