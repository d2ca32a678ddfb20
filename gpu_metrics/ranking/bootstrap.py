"""Scores under resampled images: the same draws for every team, so that differences are paired."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64, Int64

from gpu_metrics.errors import InputError
from gpu_metrics.profiles import Profile
from gpu_metrics.ranking.arrays import evaluate
from gpu_metrics.score import Row, check_rows, weights

DRAWS = 4000

Counts = Int64[np.ndarray, "draws items"]
Values = Float64[np.ndarray, "draws teams"]


@dataclass(frozen=True, slots=True)
class Source:
    """Something that chance could have made otherwise: values by name, when its items are drawn.

    `items` says how many images or scenes it consists of, or is worth.
    """

    name: str
    items: int | float
    values: Mapping[str, Values]


@dataclass(frozen=True)
class Sample:
    """Rows of all teams over one set of images, ready to be averaged under any draw.

    Args:
        profile: The rules that the rows follow.
        rows: Rows of each team; all teams must have the same images.

    Raises:
        InputError: A team lacks an image that another has, or rows are malformed.
    """

    profile: Profile
    rows: Mapping[str, Sequence[Row]]

    def __post_init__(self) -> None:
        """Refuse rows that cannot be paired."""
        first: list[str] = []
        for team, rows in self.rows.items():
            check_rows(self.profile, rows)
            first = first or sorted(id_ for id_, _, _ in rows)
            if differing := {id_ for id_, _, _ in rows} ^ set(first):
                raise InputError(
                    f"rows of {team!r}: expected the {len(first)} images of the other teams; "
                    f"{min(differing)!r} is not among both"
                )

    @property
    def images(self) -> int:
        """How many images there are."""
        return len(next(iter(self.rows.values()), ()))

    def scores(self, counts: Counts) -> dict[str, Values]:
        """Every mean and every value of the formula in each draw; NaN where nothing is scored.

        `counts` says how often each image is drawn, images in the order of their ids. Counts of
        one give what `score` gives, to a few units in the last place.
        """
        drawn = counts.astype(np.float64)
        known = {}
        for name, (values, weight) in self._columns.items():
            total = drawn @ weight
            with np.errstate(invalid="ignore"):
                known[name] = (drawn @ (np.nan_to_num(values) * weight)) / total
        for name, expression in self.profile.formula.items():
            known[name] = np.broadcast_to(
                evaluate(expression, known), (len(counts), len(self.rows))
            )
        return known

    @cached_property
    def _columns(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Values and weights of each averaged name, (images, teams); weight 0 where not scored."""
        teams = [sorted(rows, key=lambda row: row[0]) for rows in self.rows.values()]
        values, pooled = {}, {}
        for name, measure in self.profile.measures.items():
            cells = [[row[1][name] for row in rows] for rows in teams]
            values[name] = np.array(cells, np.float64).T
            pooled[name] = np.array([weights(measure, rows) for rows in teams], np.float64).T
        for name, expression in self.profile.per_image.items():
            values[name] = evaluate(expression, values)
        return {
            name: (value, np.where(np.isnan(value), 0.0, pooled.get(name, 1.0)))
            for name, value in values.items()
        }


def resamples(items: int, *, draws: int = DRAWS, seed: int | Sequence[int] = 0) -> Counts:
    """How often each of so many items comes in each draw of as many, with replacement.

    A sequence of numbers as the seed gives each source of chance draws of its own.
    """
    if items < 2 or draws < 1:
        raise InputError(f"a bootstrap needs 2 items and 1 draw, got {items} and {draws}")
    generator = np.random.Generator(np.random.PCG64(seed))
    return generator.multinomial(items, np.full(items, 1 / items), size=draws)
