"""The least squares of a formula's free constants over a published table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, least_squares
from scipy.stats import chi2

from gpu_metrics.errors import ProfileError
from gpu_metrics.profiles import Profile
from gpu_metrics.ranking.arrays import Array, evaluate
from gpu_metrics.ranking.constants import Free, freed
from gpu_metrics.ranking.published import Published

# how far a constant is followed, in units of its released value
_FAR = 10.0
_FIRST_STEP = 1e-4
_SLOPE_STEP = 1e-5
_RELATIVE = 1e-6
# what a row counts where the formula has no value, in standard deviations
_UNDEFINED = 1e6


@dataclass(frozen=True, slots=True)
class Fit:
    """Constants, and the sum of squares that they leave, in units of the rows' variances."""

    constants: Array
    misfit: float


class Model:
    """A formula with free constants on the rows of a table.

    Constants are `(free,)`, predictions `(rows,)`. Misfits are in standard deviations of the
    rounding, which the printed digits of score and terms have in common.
    """

    def __init__(self, profile: Profile, table: Published, free: Sequence[Free]) -> None:
        self.table = table
        self.released = np.array([item.value for item in free], np.float64)
        self._scale = np.where(self.released == 0, 1.0, np.abs(self.released))
        self._by = profile.ranking.by
        self._formula = freed(profile, free)
        errors = [table.score_half, *self._errors(self.released)]
        # a digit rounded to the nearest is uniform: a third of the square of its half unit
        self._deviations = np.sqrt(np.sum(np.square(errors), axis=0) / 3)

    def predict(self, constants: Array, terms: Mapping[str, Array] | None = None) -> Array:
        """The score of every row; `terms` are those of the table by default."""
        terms = self.table.terms if terms is None else terms
        known = {**terms, **{f"C{i}": np.array(c) for i, c in enumerate(constants, start=1)}}
        for name, expression in self._formula.items():
            if name not in known and all(used in known for used in expression.names):
                known[name] = evaluate(expression, known)
        return np.broadcast_to(known[self._by], self.table.score.shape)

    def rounding(self, constants: Array) -> Array:
        """The largest difference to the printed score that rounding allows."""
        return np.asarray(self.table.score_half + np.sum(self._errors(constants), axis=0))

    def explains(self, constants: Array) -> np.ndarray:
        """Which rows the constants explain within rounding."""
        difference = np.abs(self.predict(constants) - self.table.score)
        return np.asarray(difference <= self.rounding(constants))

    def slopes(self, constants: Array, rows: np.ndarray) -> Array:
        """What a change of each constant by its released value does, `(rows, free)`."""
        columns = [
            (self.predict(constants + step) - self.predict(constants - step)) / (2 * _SLOPE_STEP)
            for step in np.diag(_SLOPE_STEP * self._scale)
        ]
        return np.asarray((np.array(columns) / self._deviations).T[rows], np.float64)

    def fit(
        self,
        rows: np.ndarray,
        *,
        start: Array | None = None,
        fixed: int | None = None,
        robust: bool = False,
    ) -> Fit:
        """The constants that explain some rows best, one of them `fixed` if so asked.

        A `robust` fit counts large misfits by their size instead of their square.
        """
        start = self.released if start is None else start
        moving = np.array([i for i in range(len(start)) if i != fixed], int)

        def placed(shifts: Array) -> Array:
            constants = start.copy()
            constants[moving] += shifts * self._scale[moving]
            return constants

        def misfits(shifts: Array) -> Array:
            try:
                difference = self.predict(placed(shifts)) - self.table.score
            except ProfileError:
                return np.full(int(rows.sum()), _UNDEFINED)
            return np.asarray((difference / self._deviations)[rows])

        if not len(moving):
            return Fit(start, float(np.sum(misfits(np.zeros(0)) ** 2)))
        found = least_squares(
            misfits,
            np.zeros(len(moving)),
            loss="soft_l1" if robust else "linear",
            xtol=1e-10,
            ftol=1e-10,
            gtol=1e-10,
            max_nfev=100,
        )
        return Fit(placed(found.x), float(np.sum(misfits(found.x) ** 2)))

    def interval(
        self, fit: Fit, rows: np.ndarray, constant: int, *, confidence: float = 0.95
    ) -> tuple[float | None, float | None]:
        """Where a constant may lie when all others are refitted; None for an end that is open."""
        allowed = fit.misfit + chi2.ppf(confidence, 1)
        low, high = (self._end(fit, rows, constant, sign, allowed) for sign in (-1, 1))
        return low, high

    def _end(
        self, fit: Fit, rows: np.ndarray, constant: int, sign: int, allowed: float
    ) -> float | None:
        inside, step, nearby = 0.0, _FIRST_STEP, fit.constants

        def at(shift: float) -> Fit:
            start = nearby.copy()
            start[constant] = fit.constants[constant] + sign * shift * self._scale[constant]
            return self.fit(rows, start=start, fixed=constant)

        while (found := at(step)).misfit <= allowed:
            if step >= _FAR:
                return None
            inside, step, nearby = step, min(2 * step, _FAR), found.constants
        shift = brentq(lambda shift: at(shift).misfit - allowed, inside, step, rtol=_RELATIVE)
        return float(fit.constants[constant] + sign * shift * self._scale[constant])

    def _errors(self, constants: Array) -> list[Array]:
        """How far half a unit of each term's last digit moves the score, `(rows,)` per term."""
        terms, here = self.table.terms, self.predict(constants)
        moved = []
        for name, half in self.table.halves.items():
            there = [
                self.predict(constants, {**terms, name: terms[name] + s * half}) for s in (-1, 1)
            ]
            moved.append(np.max(np.abs(np.array(there) - here), axis=0))
        return moved
