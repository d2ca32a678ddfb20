"""What would be otherwise had a juror not voted."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Float64
from scipy.stats import rankdata

from gpu_metrics.ranking.jury import Jury

Column = Float64[np.ndarray, "teams"]
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Dropped:
    """The jury without a juror: picks, scores and places by team.

    `places` are by score, equal teams sharing the best of theirs; `moved` are the teams whose
    place is another one than with all jurors. `shift` is the largest change of a team's share of
    all picks, with its sign, and `shifted` that team.
    """

    juror: str
    counts: Mapping[str, float]
    scores: Mapping[str, float]
    places: Mapping[str, int]
    moved: tuple[str, ...]
    shift: float
    shifted: str


def influence(
    jury: Jury, count: Callable[[Jury], Column], score: Callable[[Column], Column]
) -> list[Dropped]:
    """Every juror dropped in turn, but an only one and one without whom nobody saw some team.

    Args:
        jury: All jurors.
        count: The picks of each team, as the rules count them.
        score: The score of each team from these picks; higher is better.
    """
    if len(jury.jurors) < 2:
        return []
    whole = count(jury)
    share, before = _shares(whole), _named(jury, places(score(whole)))
    dropped = []
    for index, juror in enumerate(jury.jurors):
        counts = count(without(jury, index))
        if np.isnan(counts).any():
            continue
        scores = score(counts)
        change, after = _shares(counts) - share, _named(jury, places(scores))
        most = int(np.abs(change).argmax())
        dropped.append(
            Dropped(
                juror,
                _named(jury, counts.tolist()),
                _named(jury, scores.tolist()),
                after,
                tuple(team for team in jury.teams if before[team] != after[team]),
                float(change[most]),
                jury.teams[most],
            )
        )
    return dropped


def without(jury: Jury, index: int) -> Jury:
    """The jury without the juror of an index."""
    return Jury(
        jury.jurors[:index] + jury.jurors[index + 1 :],
        jury.scenes,
        jury.teams,
        np.delete(jury.shown, index, axis=0),
        np.delete(jury.picked, index, axis=0),
    )


def places(scores: Column) -> tuple[int, ...]:
    """The place of each team, 1 for the highest score; equal teams share the best of theirs."""
    return tuple(int(place) for place in rankdata(-scores, method="min"))


def _shares(counts: Column) -> Column:
    """The part of all picks that each team has; none where nobody has any."""
    return np.asarray(counts / (counts.sum() or 1.0))


def _named(jury: Jury, values: Iterable[V]) -> dict[str, V]:
    return dict(zip(jury.teams, values, strict=True))
