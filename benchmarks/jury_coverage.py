"""How often the intervals of a jury's count cover the truth, over simulated juries.

    python -m benchmarks.jury_coverage [--juries 200] [--jurors 5 8 12]

Each jury picks three of twelve teams in 50 scenes by Plackett and Luce, with log strengths from 1.2
to -1.2; these differ from juror to juror and from scene to scene by a standard deviation of 0, 0.5
or 1. The truth is what endless juries would pick. Targets are the picks of three teams and a
difference, and UScores of three teams and a difference. Some minutes on two cores.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import RESULTS, origin, save
from gpu_metrics.cli import render
from gpu_metrics.contests import load_contest
from gpu_metrics.devices import choose_device
from gpu_metrics.ranking.jury import drawn_picks, picks
from gpu_metrics.ranking.trust import intervals
from tests.study.juries import simulated_jury

RULES = load_contest("raim2026-flash-portrait").jury
STRENGTHS = np.linspace(1.2, -1.2, 12)
SPREADS = [(j, s) for j in (0.0, 0.5, 1.0) for s in (0.0, 0.5, 1.0)]
TARGETS = (
    *("picks of 1", "picks of 6", "picks of 12", "picks of 6 - 7"),
    *("UScore of 4", "UScore of 6", "UScore of 9", "UScore of 6 - 7"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Count what is covered, print a table and write the record."""
    chosen = _parser().parse_args(arguments)
    rows = [
        _row(jurors, *spreads, chosen.juries) for jurors in chosen.jurors for spreads in SPREADS
    ]
    table = [[f"{value:.4g}" for value in row.values()] for row in rows]
    render.table(list(rows[0]), table)
    save(origin(choose_device("cpu")) | {"juries": chosen.juries, "coverage": rows}, chosen.output)


def targets(counts: np.ndarray) -> np.ndarray:
    """What `TARGETS` names, of picks `(..., 12)`."""
    least, most = counts.min(axis=-1, keepdims=True), counts.max(axis=-1, keepdims=True)
    scores = 80 + 10 * (counts - least) / (most - least)
    of_picks = [counts[..., 0], counts[..., 5], counts[..., 11], counts[..., 5] - counts[..., 6]]
    of_scores = [scores[..., 3], scores[..., 5], scores[..., 8], scores[..., 5] - scores[..., 6]]
    return np.stack(of_picks + of_scores, axis=-1)


def expected_picks(jurors: int, of_jurors: float, of_scenes: float) -> np.ndarray:
    """Without limit of jurors and scenes a ballot is as if both spreads were one."""
    spread = float(np.hypot(of_jurors, of_scenes))
    many = simulated_jury(STRENGTHS, jurors=1, scenes=200_000, of_scenes=spread, seed=9)
    return picks(many, RULES) / 200_000 * jurors * 50


def coverage(
    truth: np.ndarray, repeats: int, *, rules: Any = RULES, draws: int = 1000, **jury: Any
) -> np.ndarray:
    """The share of juries whose 95 % intervals cover each target."""
    covered = []
    for seed in range(repeats):
        drawn, items = drawn_picks(
            simulated_jury(STRENGTHS, seed=seed, **jury), rules, draws=draws, seed=seed
        )
        ends = np.array(intervals(targets(drawn), items=items))
        covered.append((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
    return np.mean(covered, axis=0)


def _row(jurors: int, of_jurors: float, of_scenes: float, juries: int) -> dict[str, float]:
    kind = {"jurors": jurors, "of_jurors": of_jurors, "of_scenes": of_scenes}
    found = coverage(targets(expected_picks(**kind)), juries, **kind)
    covered = dict(zip(TARGETS, found.tolist(), strict=True))
    return kind | {"mean": float(found.mean()), "least": float(found.min())} | covered


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--juries", type=int, default=200, help="of each kind")
    parser.add_argument("--jurors", type=int, nargs="+", default=[5, 8, 12])
    parser.add_argument("--output", "-o", type=Path, default=RESULTS / "jury-coverage.json")
    return parser


if __name__ == "__main__":
    main()
