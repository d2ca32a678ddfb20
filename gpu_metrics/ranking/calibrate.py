"""A formula held against a published table: which rows it explains, and what its constants are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from gpu_metrics.errors import InputError
from gpu_metrics.profiles import Profile
from gpu_metrics.ranking.arrays import Array
from gpu_metrics.ranking.constants import Free
from gpu_metrics.ranking.fitting import Fit, Model
from gpu_metrics.ranking.published import Published

Rows = Bool[np.ndarray, "rows"]

# singular values below this share of the largest, and shares of a unit vector, are rounding
_STILL = 1e-6
_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: its printed score, and the formula's on the printed terms.

    `released` is with the constants of the profile, `fitted` with those that were fitted; each
    `fits` where rounding explains the difference. `rounding` is the largest difference to
    `released` that the printed digits of score and terms allow.
    """

    team: str
    printed: float
    released: float
    rounding: float
    fits: bool
    fitted: float
    fits_fitted: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """A free constant, and the 95 % interval of a profile likelihood.

    The interval holds the values that fit the rows nearly as well when every other constant is
    refitted. An end is None where that is so up to ten times the released value away, and both are
    where the constant is part of a combination that moves no row: the table does not identify it.
    """

    free: Free
    fitted: float
    low: float | None
    high: float | None

    @property
    def identified(self) -> bool:
        """Whether the table bounds the constant from both sides."""
        return self.low is not None and self.high is not None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a table says of a formula.

    `used` are the teams whose rows the constants were fitted to, those that one set of constants
    explains. `rank` is how many independent combinations of the free constants move their scores.
    """

    rows: tuple[Row, ...]
    incomplete: tuple[str, ...]
    estimates: tuple[Estimate, ...]
    used: tuple[str, ...]
    rank: int

    def remarks(self) -> list[str]:
        """What the figures mean, one sentence each."""
        rows, count = len(self.used), len(self.estimates)
        fitting = sum(row.fits for row in self.rows)
        remarks = [f"the released constants explain {fitting} of {len(self.rows)} complete rows"]
        if not count:
            return remarks
        again = sum(row.fits_fitted for row in self.rows)
        remarks.append(f"the constants fitted to {rows} rows explain {again}")
        if self.rank < count:
            remarks.append(f"{rows} rows know {self.rank} combinations of {count} constants")
        if rows <= self.rank:
            remarks.append("no row is left to test the fit by")
        if unknown := [item.free.name for item in self.estimates if not item.identified]:
            remarks.append(f"not identifiable from this table: {', '.join(unknown)}")
        return remarks


def calibrate(profile: Profile, table: Published, free: Sequence[Free] = ()) -> Calibration:
    """Hold a formula against a table, and fit its free constants where there are some.

    Rows are weighted by the rounding of their digits. A row that no common set of constants
    explains does not take part in the fit: the largest set of rows is sought that one does,
    beginning from the released constants and from a fit that outliers hardly move.

    Raises:
        InputError: The table has no complete row.
        ProfileError: The formula has no value for a row.
    """
    if not table.teams:
        raise InputError("the table has no complete row to hold the formula against")
    model = Model(profile, table, free)
    fits = model.explains(model.released)
    fit, used = _consistent(model) if free else (Fit(model.released, 0.0), fits)
    released, fitted = model.predict(model.released), model.predict(fit.constants)
    rounding, again = model.rounding(model.released), model.explains(fit.constants)
    columns = [table.score, released, rounding, fits, fitted, again]
    rows = zip(table.teams, *(column.tolist() for column in columns), strict=True)
    rank, still = _directions(model.slopes(fit.constants, used)) if free else (0, used)
    estimates = [
        Estimate(
            item,
            float(fit.constants[i]),
            *((None, None) if still[i] else model.interval(fit, used, i)),
        )
        for i, item in enumerate(free)
    ]
    return Calibration(
        tuple(Row(*row) for row in rows),
        table.incomplete,
        tuple(estimates),
        tuple(team for team, taken in zip(table.teams, used, strict=True) if taken),
        rank,
    )


def _consistent(model: Model) -> tuple[Fit, Rows]:
    """The rows that one set of constants explains, and its best fit.

    Rows are kept that the released constants explain, unless a robust fit of all rows explains
    more, and more than its constants could explain by their number alone.
    """
    everything = np.ones(len(model.table.teams), bool)
    kept = _settled(model, model.released)
    other = _settled(model, model.fit(everything, robust=True).constants)
    if other is not None and other[1].sum() > len(model.released):
        if kept is None or other[1].sum() > kept[1].sum():
            return other
    return kept or (model.fit(everything), everything)


def _settled(model: Model, start: Array) -> tuple[Fit, Rows] | None:
    """A fit to the rows that `start` explains, repeated until it explains those it was made of."""
    best = None
    used = model.explains(start)
    for _ in range(_ROUNDS):
        if not used.any():
            break
        fit = model.fit(used, start=start)
        if best is None or used.sum() > best[1].sum():
            best = fit, used
        explained = model.explains(fit.constants)
        if (explained == used).all():
            break
        used = explained
    return best


def _directions(slopes: Array) -> tuple[int, Rows]:
    """How many combinations of constants move the rows, and which constants a still one holds."""
    _, singular, combinations = np.linalg.svd(slopes)
    rank = int(np.sum(singular > _STILL * max(singular[0], np.finfo(float).tiny)))
    return rank, np.linalg.norm(combinations[rank:], axis=0) > _STILL
