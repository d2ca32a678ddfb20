"""Teams as a jury sees them: their picks, scores, places and strengths, and how sure these are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpu_metrics.contests import Contest
from gpu_metrics.ranking.arrays import Array
from gpu_metrics.ranking.bootstrap import Values
from gpu_metrics.ranking.jury import Jury
from gpu_metrics.ranking.trust import intervals, place_shares, trust
from gpu_metrics.ranking.votes import jury_scores
from gpu_metrics.study.votes import Vote
from gpu_metrics.study.worth.influence import places
from gpu_metrics.study.worth.strengths import Choices, drawn_strengths, strengths

# a draw of strengths is a maximisation, and so many are enough for percentiles
_STRENGTH_DRAWS = 500

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Judged:
    """A team as the jury sees it.

    `shown` is on how many ballots it could be picked, `picks` what the rules count, `score` the
    score of the jury. `ranks` is the share of draws in which it has each place, `likely_places`
    the first and last of them, `ahead` the share in which it beats the next team; teams that
    share a letter of `group` cannot be told apart. `strength` is the log of Plackett and Luce's;
    its interval is from draws of scenes alone. What needs draws is None or empty without them.
    """

    place: int
    team: str
    shown: int
    picks: float
    score: float
    strength: float
    interval: Interval | None = None
    ranks: tuple[float, ...] = ()
    likely_places: tuple[int, int] | None = None
    ahead: float | None = None
    group: str | None = None
    strength_interval: Interval | None = None


def judged(
    contest: Contest,
    jury: Jury,
    counts: Array,
    votes: Sequence[Vote],
    ballots: Choices,
    *,
    drawn: Values | None = None,
    items: int | float = math.inf,
    seed: int = 0,
) -> tuple[Judged, ...]:
    """The teams of a jury from the first to the last; equal ones share a place.

    Args:
        contest: What makes a score of picks.
        jury: Who picked whom.
        counts: The picks of each team as the rules count them.
        votes: The votes of the jury.
        ballots: The same as `choices`.
        drawn, items: `counts` in draws of the votes (`drawn_picks`), and of how many items these
            speak.
        seed: Another seed, other draws of strengths.
    """
    scores, worth = jury_scores(contest, jury, counts), strengths(ballots)
    order = np.argsort(-scores, kind="stable").tolist()
    place = places(scores)
    found: list[dict[str, Any]] = [{} for _ in order]
    if drawn is not None:
        again = jury_scores(contest, jury, drawn)[:, order]
        sure = trust(again, higher_is_better=True, items=items)
        ranks = place_shares(again, higher_is_better=True).tolist()
        count = min(len(drawn), _STRENGTH_DRAWS)
        spread = drawn_strengths(votes, ballots, draws=count, seed=seed)[:, order]
        of_strengths = intervals(spread, items=len(jury.scenes))
        found = [
            {
                "interval": sure.intervals[rank],
                "ranks": tuple(ranks[rank]),
                "likely_places": sure.places[rank],
                "ahead": sure.ahead[rank],
                "group": sure.groups[rank],
                "strength_interval": of_strengths[rank],
            }
            for rank in range(len(order))
        ]
    return tuple(
        Judged(
            place[index],
            jury.teams[index],
            int(jury.shown[:, :, index].sum()),
            float(counts[index]),
            float(scores[index]),
            float(worth[index]),
            **sureness,
        )
        for index, sureness in zip(order, found, strict=True)
    )
