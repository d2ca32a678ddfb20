"""Plackett-Luce strengths of teams from ballots that name the best few of those shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from jaxtyping import Bool, Float, Float64
from scipy.sparse.csgraph import connected_components
from scipy.special import logsumexp, softmax

from gpu_metrics.errors import InputError
from gpu_metrics.ranking.bootstrap import Values, resamples
from gpu_metrics.study.votes import Vote

PRIOR = 0.1

# an unordered ballot is a sum over all orders of its picks, 120 of 5
_MOST_PICKS = 5
_STEPS = 100
# Newton's steps square their error: after one of 1e-5 what is left is of the order of 1e-10
_CLOSE = 1e-5
# rounding in a sum of log-likelihoods
_SLACK = 1e-9

Weights = Float[np.ndarray, "ballots"]
Worth = Float64[np.ndarray, "teams"]


@dataclass(frozen=True, slots=True)
class Choices:
    """Ballots as arrays.

    `left` says who was still to be picked at each step of each possible order of a ballot's picks;
    an ordered ballot has one order, `possible`. `beaten[i, j]` says that on some ballot i was
    picked before j.
    """

    teams: tuple[str, ...]
    picked: Float64[np.ndarray, "ballots teams"]
    left: Float64[np.ndarray, "ballots orders picks teams"]
    possible: Bool[np.ndarray, "ballots orders"]
    beaten: Bool[np.ndarray, "teams teams"]

    @property
    def connected(self) -> bool:
        """Whether the likelihood has a maximum by itself (Ford, 1957).

        It has where the teams cannot be parted in two such that no team of the one was ever
        picked before one of the other; a team that is never or always picked parts them.
        """
        return bool(connected_components(self.beaten, connection="strong")[0] == 1)


def choices(votes: Sequence[Vote], teams: Sequence[str]) -> Choices:
    """The ballots of votes over teams, of which each vote may show its own.

    Raises:
        InputError: There is no vote, votes pick different numbers, or unordered ones more than 5.
    """
    sizes = {len(vote.picks) for vote in votes}
    if len(sizes) != 1 or 0 in sizes:
        raise InputError(f"votes: expected equally many picks on each, got {sorted(sizes)}")
    (best,) = sizes
    mixed = not all(vote.ordered for vote in votes)
    if mixed and best > _MOST_PICKS:
        raise InputError(f"votes: up to {_MOST_PICKS} unordered picks have strengths, got {best}")
    orders = list(permutations(range(best))) if mixed else [tuple(range(best))]
    index = {team: number for number, team in enumerate(teams)}
    left = np.zeros((len(votes), len(orders), best, len(index)))
    possible = np.ones((len(votes), len(orders)), bool)
    picked = np.zeros((len(votes), len(index)))
    beaten = np.zeros((len(index), len(index)), bool)
    for number, vote in enumerate(votes):
        shown, picks = [index[t] for t in vote.shown], np.array([index[t] for t in vote.picks])
        rest = np.array([team for team in shown if team not in picks], int)
        picked[number, picks] = 1
        left[number][:, :, rest] = 1
        beaten[np.ix_(picks, rest)] = True
        for place, order in enumerate(orders):
            for step in range(best):
                left[number, place, step, picks[list(order[step:])]] = 1
        if vote.ordered:
            possible[number, 1:] = False
            beaten[picks[:, None], picks] |= np.triu(np.ones((best, best), bool), 1)
    return Choices(tuple(teams), picked, left, possible, beaten)


def strengths(
    ballots: Choices,
    *,
    weights: Weights | None = None,
    prior: float = PRIOR,
    start: Worth | None = None,
) -> Worth:
    """Log strengths of most posterior density, with mean 0; e to a difference is the odds.

    Who is picked next among those left has a chance in proportion to its strength. An unordered
    ballot has the likelihood of all orders of its picks together. The log-likelihood is concave in
    log strengths, as a chance that Gumbel variables keep linear inequalities, so Newton's method
    with halved steps finds its one maximum.

    Args:
        ballots: From `choices`.
        weights: How often each ballot counts, 1 by default; they need a prior.
        prior: A Gamma prior on strengths (Caron and Doucet, 2012): every team is taken to have
            been chosen first of all teams on so many more ballots. 0 is none.
        start: Where to start, such as the strengths of all ballots.

    Raises:
        InputError: There is no prior, and without one perhaps no maximum; see `connected`.

    Reference:
        Plackett, "The analysis of permutations", 1975; Hunter, "MM algorithms for generalized
        Bradley-Terry models", 2004, whose maximum it is where all ballots are ordered.
    """
    if prior == 0 and (weights is not None or not ballots.connected):
        raise InputError(
            "votes: where some teams were never picked before any of the others, or ballots are "
            "weighted, strengths may be unbounded; set a prior"
        )
    weight = np.ones(len(ballots.picked)) if weights is None else weights
    worth = np.zeros(len(ballots.teams)) if start is None else start
    value, slope, bend = _posterior(worth, ballots, weight, prior)
    for _ in range(_STEPS):
        # strengths are known up to a factor: a step along it is pinned to nothing
        step = np.linalg.solve(bend + 1 / len(worth), slope)
        while True:
            reached = _posterior(worth + step, ballots, weight, prior)
            if reached[0] >= value - _SLACK:
                break
            step = step / 2
        worth, (value, slope, bend) = worth + step, reached
        if np.abs(step).max() < _CLOSE:
            break
    return np.asarray(worth - worth.mean(), np.float64)


def drawn_strengths(
    votes: Sequence[Vote], ballots: Choices, *, draws: int, seed: int = 0, prior: float = PRIOR
) -> Values:
    """Log strengths in draws of scenes, all ballots of a scene together."""
    scenes = sorted({vote.scene for vote in votes})
    of_ballot = [scenes.index(vote.scene) for vote in votes]
    start = strengths(ballots, prior=prior)
    drawn = [
        strengths(ballots, weights=counts[of_ballot].astype(float), prior=prior, start=start)
        for counts in resamples(len(scenes), draws=draws, seed=seed)
    ]
    return np.array(drawn)


def log_likelihood(worth: Worth, ballots: Choices) -> float:
    """The log-likelihood of log strengths, without a prior."""
    return _posterior(worth, ballots, np.ones(len(ballots.picked)), 0.0)[0]


def _posterior(
    worth: Worth, ballots: Choices, weight: Weights, prior: float
) -> tuple[float, Worth, Float64[np.ndarray, "teams teams"]]:
    """The log posterior, its gradient, and its Hessian with the sign turned."""
    teams = len(worth)
    # strengths relative to the greatest: only ratios matter, and none overflows
    level = worth - worth.max()
    chance = ballots.left * np.exp(level)
    sums = chance.sum(axis=-1, keepdims=True)
    chance /= sums
    of_orders = np.where(ballots.possible, -np.log(sums[..., 0]).sum(axis=-1), -np.inf)
    share = softmax(of_orders, axis=1)
    value = weight @ (ballots.picked @ level + logsumexp(of_orders, axis=1))

    slopes = ballots.picked[:, None] - chance.sum(axis=2)
    slope_of = (share[:, None] @ slopes)[:, 0]
    share = share * weight[:, None]
    flat, steep = chance.reshape(-1, teams), slopes.reshape(-1, teams)
    steps = np.repeat(share.ravel(), ballots.left.shape[2])
    bend = np.diag(steps @ flat) - flat.T @ (steps[:, None] * flat)
    bend -= steep.T @ (share.reshape(-1, 1) * steep) - slope_of.T @ (weight[:, None] * slope_of)

    first = softmax(worth)
    value += prior * (level.sum() - teams * logsumexp(level))
    slope = weight @ slope_of + prior * (1 - teams * first)
    bend += prior * teams * (np.diag(first) - np.outer(first, first))
    return float(value), slope, bend
