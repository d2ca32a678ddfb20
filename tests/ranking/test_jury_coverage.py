"""How often intervals of simulated juries cover the truth, which is known."""

from dataclasses import replace

import numpy as np
import pytest

from gpu_metrics.contests import load_contest
from gpu_metrics.ranking.jury import drawn_picks, picks
from gpu_metrics.ranking.trust import intervals
from tests.study.juries import simulated_jury

RULES = load_contest("raim2026-flash-portrait").jury
STRENGTHS = np.linspace(1.2, -1.2, 12)
SPREADS = [(j, s) for j in (0.0, 0.5, 1.0) for s in (0.0, 0.5, 1.0)]


def targets(counts):
    """Picks of three teams, a difference of picks, UScores of three teams and a difference."""
    least, most = counts.min(axis=-1, keepdims=True), counts.max(axis=-1, keepdims=True)
    scores = 80 + 10 * (counts - least) / (most - least)
    of_picks = [counts[..., 0], counts[..., 5], counts[..., 11], counts[..., 5] - counts[..., 6]]
    of_scores = [scores[..., 3], scores[..., 5], scores[..., 8], scores[..., 5] - scores[..., 6]]
    return np.stack(of_picks + of_scores, axis=-1)


def expected_picks(jurors, of_jurors, of_scenes):
    """Without limit of jurors and scenes a ballot is as if both spreads were one."""
    spread = float(np.hypot(of_jurors, of_scenes))
    many = simulated_jury(STRENGTHS, jurors=1, scenes=200_000, of_scenes=spread, seed=9)
    return picks(many, RULES) / 200_000 * jurors * 50


def expected_majority(rules, **jury):
    some = [simulated_jury(STRENGTHS, seed=seed, **jury) for seed in range(10_000, 10_400)]
    return np.mean([picks(jury, rules) for jury in some], axis=0)


def coverage(truth, repeats, *, rules=RULES, draws=1000, **jury):
    """The share of juries whose 95 % intervals cover each target."""
    covered = []
    for seed in range(repeats):
        drawn, items = drawn_picks(
            simulated_jury(STRENGTHS, seed=seed, **jury), rules, draws=draws, seed=seed
        )
        ends = np.array(intervals(targets(drawn), items=items))
        covered.append((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
    return np.mean(covered, axis=0)


@pytest.mark.parametrize(("of_jurors", "of_scenes"), [(0.0, 0.0), (0.5, 0.5), (1.0, 0.0)])
def test_intervals_cover_the_truth(of_jurors, of_scenes):
    """60 juries of 6; a rate of 0.95 over 60 has a standard error of 0.028."""
    jury = {"jurors": 6, "of_jurors": of_jurors, "of_scenes": of_scenes}
    found = coverage(targets(expected_picks(**jury)), 60, draws=600, **jury)
    assert 0.91 <= found.mean() <= 0.995
    assert found.min() >= 0.85


@pytest.mark.slow
@pytest.mark.parametrize("jurors", [5, 8, 12])
def test_intervals_cover_the_truth_whatever_jurors_and_scenes_differ_by(jurors):
    """200 juries of each kind; a rate of 0.95 has a standard error of 0.015 over 200."""
    rates = []
    for of_jurors, of_scenes in SPREADS:
        jury = {"jurors": jurors, "of_jurors": of_jurors, "of_scenes": of_scenes}
        found = coverage(targets(expected_picks(**jury)), 200, **jury)
        assert 0.94 <= found.mean() <= 0.985
        rates.append(found)
    # the scores of the better teams of five jurors whose tastes differ most
    assert np.min(rates) >= 0.87
    assert 0.945 <= np.mean(rates) <= 0.975


@pytest.mark.slow
@pytest.mark.parametrize(("ties", "least"), [("share", 0.92), ("all", 0.9), ("none", 0.87)])
def test_intervals_of_majorities_cover_the_truth(ties, least):
    """150 juries of each kind; a rate of 0.95 has a standard error of 0.018 over 150.

    Where ties count for nothing, the last team is hardly ever counted, and no draw of a jury that
    never counted it does: of the same tastes its picks are covered by about 60 %.
    """
    rules = replace(RULES, pooling="scenes", ties=ties)
    for of_jurors, of_scenes in [(0.0, 0.0), (0.5, 0.5), (1.0, 0.0)]:
        jury = {"jurors": 6, "of_jurors": of_jurors, "of_scenes": of_scenes}
        found = coverage(targets(expected_majority(rules, **jury)), 150, rules=rules, **jury)
        assert least <= found.mean() <= 0.975
        # the last team apart
        assert np.delete(found, [2, 6]).min() >= 0.84
