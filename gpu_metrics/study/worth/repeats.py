"""Whether jurors pick the same again, when a scene comes back without their knowing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.stats import hypergeom

from gpu_metrics.study.votes import Vote

Chances = Float64[np.ndarray, "outcomes"]


@dataclass(frozen=True, slots=True)
class Consistency:
    """How a juror's picks on `repeats` overlap with the first ones.

    `overlap` is the mean number of teams that were picked both times, `most` what it would be
    with the same picks, `chance` what picks at random give: k * k / n with k of n. `p_value` is
    the chance that picks at random overlap as much in all or more, exactly.
    """

    juror: str
    repeats: int
    overlap: float
    most: float
    chance: float
    p_value: float

    @property
    def guessing(self) -> bool:
        """Whether the picks cannot be told from picks at random, at 5 %."""
        return self.p_value > 0.05


def consistency(votes: Iterable[Vote]) -> list[Consistency]:
    """What repeats say of each juror who has some and voted on the scene itself, too."""
    first, again = {}, []
    for vote in votes:
        if vote.kind == "vote":
            first[vote.juror, vote.scene] = vote
        elif vote.kind == "repeat":
            again.append(vote)
    pairs: dict[str, list[tuple[Vote, Vote]]] = {}
    for vote in again:
        if (vote.juror, vote.scene) in first:
            pairs.setdefault(vote.juror, []).append((first[vote.juror, vote.scene], vote))
    return [_of_juror(juror, pairs[juror]) for juror in sorted(pairs)]


def _of_juror(juror: str, pairs: Sequence[tuple[Vote, Vote]]) -> Consistency:
    total, most, chance = 0, 0, np.ones(1)
    for before, after in pairs:
        total += len({*before.picks} & {*after.picks})
        most += min(len(before.picks), len(after.picks))
        chance = np.convolve(chance, _chances(before, after))
    mean = chance @ np.arange(len(chance))
    return Consistency(
        juror,
        len(pairs),
        total / len(pairs),
        most / len(pairs),
        float(mean) / len(pairs),
        min(float(chance[total:].sum()), 1.0),
    )


def _chances(before: Vote, after: Vote) -> Chances:
    """The chance of each overlap, from none to all, when the second picks are made at random."""
    again = len({*before.picks} & {*after.shown})
    found = np.arange(len(after.picks) + 1)
    return np.asarray(hypergeom.pmf(found, len(after.shown), again, len(after.picks)))
