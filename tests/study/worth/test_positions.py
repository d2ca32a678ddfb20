import numpy as np
import pytest
from scipy.stats import chisquare

from gpu_metrics.study.worth.positions import Pace, paces, position_bias
from tests.study.votes import simulated_votes, vote

LEVELS = np.linspace(2, -2, 6)


def test_one_pick_per_ballot_is_pearsons():
    votes = simulated_votes(LEVELS, best=1, scenes=20)
    found = position_bias(votes)
    expected = chisquare(found.picks)
    assert sum(found.picks) == len(votes) and found.freedom == 5
    assert found.expected == pytest.approx([len(votes) / 6] * 6)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("best", [2, 4])
def test_more_picks_scale_pearsons(best):
    found = position_bias(simulated_votes(LEVELS, best=best, scenes=20))
    assert found.statistic == pytest.approx(chisquare(found.picks).statistic * 5 / (6 - best))


@pytest.mark.parametrize("hidden", [0, 1])
def test_without_a_bias_p_values_are_uniform(hidden):
    values = []
    for seed in range(300):
        votes = simulated_votes(LEVELS, scenes=10, jurors=4, hidden=hidden, seed=seed)
        # a juror who sees fewer tiles beside those who see all
        votes = votes + simulated_votes(LEVELS, scenes=10, jurors=2, seed=1000 + seed)
        values.append(position_bias(votes).p_value)
    # 5 % and 50 % of 300 within four standard deviations
    assert np.mean(np.array(values) < 0.05) == pytest.approx(0.05, abs=0.05)
    assert np.mean(np.array(values) < 0.5) == pytest.approx(0.5, abs=0.12)


def test_a_juror_who_picks_the_first_tiles_is_found():
    draw = np.random.default_rng(0)
    votes = []
    for scene in range(30):
        shown = [*draw.permutation([*"abcdef"])]
        votes.append(vote("x", str(scene), shown, shown[:2]))
    found = position_bias(votes)
    assert found.picks == (30, 30, 0, 0, 0, 0)
    assert found.expected == pytest.approx([10] * 6)
    assert found.p_value < 1e-20


def test_practice_is_left_out_and_repeats_are_not():
    votes = [vote("x", "1", "abc", "a", kind=kind) for kind in ("practice", "vote", "repeat")]
    assert position_bias(votes).picks == (2, 0, 0)


def test_where_nothing_can_differ_there_is_no_test():
    assert position_bias([]).p_value is None
    everything = position_bias([vote("x", "1", "ab", "ab")])
    assert everything.picks == (1, 1)
    assert (everything.statistic, everything.freedom, everything.p_value) == (None, 0, None)


def test_paces_are_medians_over_screens_that_count():
    votes = [vote("y", "1", "ab", "a", seconds=9.0)]
    votes += [vote("x", str(s), "ab", "a", seconds=s) for s in (1.0, 2.0, 30.0)]
    votes += [vote("x", "9", "ab", "a", kind="practice", seconds=500.0)]
    assert paces(votes) == [Pace("x", 3, 2.0), Pace("y", 1, 9.0)]
