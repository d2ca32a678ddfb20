from itertools import permutations

import choix
import numpy as np
import pytest
from scipy.optimize import minimize

from gpu_metrics.errors import InputError
from gpu_metrics.ranking.trust import intervals
from gpu_metrics.study.worth.strengths import (
    choices,
    drawn_strengths,
    log_likelihood,
    strengths,
)
from tests.study.votes import simulated_votes, vote

TRUE = np.linspace(1.5, -1.5, 8)
TEAMS = [f"team {letter}" for letter in "abcdefgh"]

JURIES = [
    pytest.param({"ordered": True}, id="ordered"),
    pytest.param({"ordered": True, "hidden": 2, "best": 2, "seed": 1}, id="ordered-hidden"),
    pytest.param({"ordered": False, "seed": 2}, id="unordered"),
    pytest.param({"ordered": False, "hidden": 3, "best": 2, "seed": 3}, id="unordered-hidden"),
]


def top1(votes):
    """The choices that choix asks for: every pick is the first of those that were left."""
    for v in votes:
        for step, pick in enumerate(v.picks):
            others = [TEAMS.index(t) for t in v.shown if t not in v.picks[: step + 1]]
            yield TEAMS.index(pick), others


def likelihood_by_hand(worth, votes):
    """The sum over all orders of the picks, one ballot and one step at a time."""
    total = 0.0
    for v in votes:
        orders = [v.picks] if v.ordered else permutations(v.picks)
        chance = 0.0
        for order in orders:
            left, product = list(v.shown), 1.0
            for pick in order:
                weights = {team: np.exp(worth[TEAMS.index(team)]) for team in left}
                product *= weights[pick] / sum(weights.values())
                left.remove(pick)
            chance += product
        total += np.log(chance)
    return total


@pytest.mark.parametrize("jury", JURIES[:2])
@pytest.mark.parametrize("prior", [0.0, 0.1, 1.0])
def test_agrees_with_choix_on_ordered_ballots(jury, prior):
    votes = simulated_votes(TRUE, scenes=20, **jury)
    found = strengths(choices(votes, TEAMS), prior=prior)
    expected = choix.mm_top1(len(TEAMS), list(top1(votes)), alpha=prior, max_iter=5000, tol=1e-12)
    # what choix leaves of its linear convergence is below 1e-11
    np.testing.assert_allclose(found, expected - expected.mean(), rtol=0, atol=1e-9)
    if not prior:
        expected = choix.ilsr_top1(len(TEAMS), list(top1(votes)), max_iter=1000, tol=1e-12)
        np.testing.assert_allclose(found, expected - expected.mean(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("jury", JURIES)
def test_the_likelihood_is_the_sum_over_orders(jury):
    votes = simulated_votes(TRUE, jurors=3, scenes=5, **jury)
    ballots = choices(votes, TEAMS)
    for worth in (np.zeros(8), TRUE, 3 * TRUE[::-1]):
        assert log_likelihood(worth, ballots) == pytest.approx(likelihood_by_hand(worth, votes))


@pytest.mark.parametrize("jury", JURIES)
def test_agrees_with_direct_maximisation(jury):
    votes = simulated_votes(TRUE, scenes=15, **jury)
    ballots = choices(votes, TEAMS)

    def cost(free):
        return -log_likelihood(np.append(free, -free.sum()), ballots)

    result = minimize(cost, np.zeros(7), method="BFGS", options={"gtol": 1e-6})
    expected = np.append(result.x, -result.x.sum())
    found = strengths(ballots, prior=0.0)
    assert log_likelihood(found, ballots) >= -result.fun
    # BFGS on differences of the likelihood stops within 4e-6
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


def test_the_truth_is_found_with_many_ballots():
    votes = simulated_votes(TRUE, jurors=10, scenes=200, seed=5)
    # 2000 ballots know a log strength to about 0.04
    np.testing.assert_allclose(strengths(choices(votes, TEAMS)), TRUE, rtol=0, atol=0.15)


def test_relabelled_teams_and_shuffled_votes_permute_the_result():
    votes = simulated_votes(TRUE, scenes=10, hidden=1)
    order = np.random.default_rng(0).permutation(8)
    found = strengths(choices(votes, TEAMS))
    again = strengths(choices(votes[::-1], [TEAMS[i] for i in order]))
    np.testing.assert_allclose(again, found[order], rtol=0, atol=1e-9)


def test_weights_are_repeated_ballots():
    votes = simulated_votes(TRUE, scenes=4)
    times = np.random.default_rng(0).integers(0, 3, len(votes))
    repeated = [v for v, n in zip(votes, times, strict=True) for _ in range(n)]
    weighted = strengths(choices(votes, TEAMS), weights=times.astype(float))
    np.testing.assert_allclose(weighted, strengths(choices(repeated, TEAMS)), rtol=0, atol=1e-9)


def test_a_team_never_picked_is_unbounded_without_a_prior():
    votes = [v for v in simulated_votes(TRUE, scenes=10) if "team h" not in v.picks]
    ballots = choices(votes, TEAMS)
    assert not ballots.connected
    with pytest.raises(InputError, match="set a prior"):
        strengths(ballots, prior=0.0)
    weak, strong = (strengths(ballots, prior=prior) for prior in (0.01, 1.0))
    assert np.isfinite(weak).all() and weak.argmin() == 7
    assert weak[7] < strong[7]


def test_a_team_always_picked_is_unbounded_too():
    votes = [v for v in simulated_votes(TRUE, scenes=10) if "team a" in v.picks]
    assert not choices(votes, TEAMS).connected
    assert strengths(choices(votes, TEAMS)).argmax() == 0


def test_order_among_the_picks_can_connect_what_sets_do_not():
    shown, halves = "abcd", [("ab", True), ("ba", True), ("cd", True), ("dc", True)]
    tied = [vote("x", "1", shown, picks, ordered=ordered) for picks, ordered in halves]
    assert choices(tied, list(shown)).connected
    apart = [vote("x", "1", shown, "ab")]
    assert not choices(apart, list(shown)).connected


def test_two_teams_have_the_log_odds_of_their_picks():
    votes = [vote("x", str(i), "ab", "a" if i < 6 else "b") for i in range(8)]
    found = strengths(choices(votes, ["a", "b"]), prior=0.0)
    assert found[0] - found[1] == pytest.approx(np.log(6 / 2))


def test_draws_spread_about_the_estimate():
    votes = simulated_votes(TRUE, scenes=30)
    ballots = choices(votes, TEAMS)
    drawn = drawn_strengths(votes, ballots, draws=60)
    assert drawn.shape == (60, 8)
    # the estimate is within two standard errors of the mean of its draws, bias included
    assert (np.abs(drawn.mean(axis=0) - strengths(ballots)) < 0.5 * drawn.std(axis=0)).all()
    np.testing.assert_array_equal(drawn, drawn_strengths(votes, ballots, draws=60))


def test_intervals_cover_the_truth():
    # 25 juries of 4 in 30 scenes, 6 teams each; of 100 such juries 93 % of intervals did
    levels, inside = np.linspace(1, -1, 6), []
    for seed in range(25):
        votes = simulated_votes(levels, jurors=4, best=2, scenes=30, ordered=True, seed=seed)
        drawn = drawn_strengths(votes, choices(votes, TEAMS[:6]), draws=150)
        ends = np.array(intervals(drawn, items=30))
        inside += [(ends[:, 0] <= levels) & (levels <= ends[:, 1])]
    # 150 intervals: 93 % to 95 % within three standard deviations of 2 %
    assert 0.87 <= np.mean(inside) <= 0.99


@pytest.mark.parametrize(
    ("votes", "said"),
    [
        ([], "equally many picks"),
        ([vote("x", "1", "abc", "a"), vote("x", "2", "abc", "ab")], r"got \[1, 2\]"),
        ([vote("x", "1", "abcdefg", "abcdef")], "up to 5 unordered picks"),
    ],
)
def test_what_has_no_strengths_is_refused(votes, said):
    with pytest.raises(InputError, match=said):
        choices(votes, list("abcdefg"))
