"""How far an order of teams can be trusted, told from their scores in many draws."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float64, Int64
from scipy.special import ndtr, stdtrit
from scipy.stats import rankdata

from gpu_metrics.errors import InputError
from gpu_metrics.ranking.bootstrap import Values

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Trust:
    """What draws say of an order; every tuple follows the order of the teams.

    `intervals` of the scores and `places` (the first is 1) hold with the stated `confidence`.
    `ahead` is the share of draws in which a team beats the next one, ties counting half; None for
    the last. Teams that share a letter of `groups` cannot be told apart: of any two of them,
    neither beats the other in enough draws. `left_out` draws had no score for some team.
    """

    confidence: float
    intervals: tuple[tuple[float, float], ...]
    places: tuple[tuple[int, int], ...]
    ahead: tuple[float | None, ...]
    groups: tuple[str, ...]
    draws: int
    left_out: int


def trust(
    scores: Values, *, higher_is_better: bool, items: int | float, confidence: float = CONFIDENCE
) -> Trust:
    """What draws say of teams that stand in the order of the board, best first.

    Equal scores in a draw keep that order. Intervals are percentiles of the draws, widened for
    few `items` by `percentile_level`.

    Raises:
        InputError: In half of the draws or more some team has no score.
    """
    complete = with_scores(scores)
    if 2 * len(complete) <= len(scores):
        raise InputError(
            f"in {len(scores) - len(complete)} of {len(scores)} draws some team has no score; too "
            "few images are scored for a bootstrap"
        )
    level = percentile_level(confidence, items)
    tails = (1 - level) / 2, (1 + level) / 2
    worth = complete if higher_is_better else -complete
    places = _places(worth)
    beats = _beats(worth)
    return Trust(
        confidence=confidence,
        intervals=intervals(complete, items=items, confidence=confidence),
        places=tuple(
            zip(
                np.quantile(places, tails[0], axis=0, method="lower").tolist(),
                np.quantile(places, tails[1], axis=0, method="higher").tolist(),
                strict=True,
            )
        ),
        ahead=(*(float(beats[i, j]) for i, j in pairwise(range(len(beats)))), None),
        groups=_groups(np.maximum(beats, beats.T) >= tails[1]),
        draws=len(complete),
        left_out=len(scores) - len(complete),
    )


def intervals(
    scores: Values, *, items: int | float, confidence: float = CONFIDENCE
) -> tuple[tuple[float, float], ...]:
    """Of each team the percentiles of its draws, widened for few `items` by `percentile_level`."""
    level = percentile_level(confidence, items)
    low, high = np.quantile(with_scores(scores), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return tuple(zip(low.tolist(), high.tolist(), strict=True))


def with_scores(scores: Values) -> Float64[np.ndarray, "complete teams"]:
    """The draws in which every team has a score."""
    return np.asarray(scores[~np.isnan(scores).any(axis=1)])


def place_shares(scores: Values, *, higher_is_better: bool) -> Float64[np.ndarray, "teams teams"]:
    """In which share of the draws each team has each place; draws without a score left out.

    Teams that are equal in a draw have an equal part of the places that they share.
    """
    complete = with_scores(scores)
    worth = -complete if higher_is_better else complete
    best, last = (rankdata(worth, method=method, axis=1) for method in ("min", "max"))
    parts = 1 / (last - best + 1)
    places = range(1, scores.shape[1] + 1)
    return np.array([np.mean(parts * ((best <= p) & (p <= last)), axis=0) for p in places]).T


def effective_items(variances: Sequence[float], items: Sequence[int | float]) -> float:
    """Of how many items a sum is worth whose parts have these variances, of so many items each.

    The variance of n items has n - 1 degrees of freedom; those of the sum are Satterthwaite's
    ("An approximate distribution of estimates of variance components", Biometrics 1946). Where
    nothing varies it is the least.
    """
    if not (total := sum(variances)):
        return float(min(items))
    share = sum((v / total) ** 2 / (n - 1) for v, n in zip(variances, items, strict=True))
    return 1 + 1 / share


def percentile_level(confidence: float, items: int | float) -> float:
    """The central share of the draws that covers the truth with `confidence`.

    A bootstrap of n items has sqrt((n - 1) / n) of the true spread, and that spread is itself
    estimated: percentiles are therefore taken further out, by the ratio of Student's to the
    normal quantile (Hesterberg, "What teachers should know about the bootstrap", 2015). Below
    about 8 items that leads beyond the last draw, and intervals cover less than they say.
    """
    quantile = np.sqrt(items / (items - 1)) * stdtrit(items - 1, (1 + confidence) / 2)
    return float(2 * ndtr(quantile) - 1)


def _places(worth: Values) -> Int64[np.ndarray, "draws teams"]:
    return 1 + np.argsort(np.argsort(-worth, axis=1, kind="stable"), axis=1)


def _beats(worth: Values) -> Float64[np.ndarray, "teams teams"]:
    """Share of draws in which the team of the row beats that of the column, ties counting half."""
    shares = [
        np.mean(column[:, None] > worth, axis=0) + 0.5 * np.mean(column[:, None] == worth, axis=0)
        for column in worth.T
    ]
    return np.array(shares).reshape(worth.shape[1], worth.shape[1])


def _groups(apart: np.ndarray) -> tuple[str, ...]:
    """A letter for each longest run of teams of which no two are apart."""
    teams = len(apart)
    letters: list[list[str]] = [[] for _ in range(teams)]
    reached, count = 0, 0
    for start in range(teams):
        end = start + 1
        while end < teams and not apart[start:end, end].any():
            end += 1
        if end > reached:
            for member in letters[start:end]:
                member.append(_letter(count))
            reached, count = end, count + 1
    return tuple("".join(member) for member in letters)


def _letter(number: int) -> str:
    """a to z, then a2 to z2 and so on."""
    turn, index = divmod(number, 26)
    return f"{chr(ord('a') + index)}{turn + 1 if turn else ''}"
