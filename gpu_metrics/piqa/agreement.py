"""Agreement of a judge's scores with people's: Cohen's kappa and Spearman's correlation."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gpu_metrics.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Table = NDArray[np.float64]

Weights = Literal["none", "linear", "quadratic"]

RESAMPLES = 2_000
SEED = 2026


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its 95 % interval from resampled items; None where it is undefined."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Over `items` that both scored. Undefined, None, where one of them never varies."""

    items: int
    kappa: Estimate
    weights: Weights
    spearman: Estimate


def agreement(
    judge: Mapping[str, float], people: Mapping[str, float], *, weights: Weights = "quadratic"
) -> Agreement:
    """Cohen's kappa and Spearman's correlation of two raters, over the ids that both scored.

    Args:
        judge, people: Scores by id, on one scale; kappa takes equal numbers for one category.
        weights: How kappa counts a disagreement: all alike ("none"), by the distance of the two
            scores ("linear") or by its square ("quadratic").

    Intervals are percentiles of 2,000 draws of items with replacement, with a fixed seed; draws in
    which the value is undefined are left out.
    """
    import numpy as np

    ids = sorted(judge.keys() & people.keys())
    if len(ids) < 2:
        raise InputError(f"expected at least 2 items that both scored, got {len(ids)}")
    x = np.array([judge[id_] for id_ in ids])
    y = np.array([people[id_] for id_ in ids])
    generator = np.random.Generator(np.random.PCG64(SEED))
    draws = generator.integers(len(ids), size=(RESAMPLES, len(ids)))
    grid = np.unique(np.concatenate([x, y]))
    return Agreement(
        len(ids),
        _estimate(
            _kappa(x[None], y[None], grid, weights), _kappa(x[draws], y[draws], grid, weights)
        ),
        weights,
        _estimate(_spearman(x[None], y[None]), _spearman(x[draws], y[draws])),
    )


def load_scores(path: str | Path, *, lowest: int, highest: int) -> dict[str, float]:
    """People's scores from a CSV file with the columns id and score; InputError where not one."""
    where = Path(path)
    scores: dict[str, float] = {}
    try:
        with where.open(newline="", encoding="utf-8-sig") as file:
            for row in (reader := csv.DictReader(file)):
                id_, text = row.get("id"), row.get("score")
                if id_ is None or text is None:
                    raise InputError("expected a first line with id and score, and both in each")
                score = _number(text)
                if id_ in scores or not lowest <= score <= highest:
                    what = f"a number in {lowest}..{highest}, each id once"
                    raise InputError(f"line {reader.line_num}: expected {what}, got {id_},{text}")
                scores[id_] = score
    except OSError as error:
        raise InputError(f"{where}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error, InputError) as error:
        raise InputError(f"{where}: expected CSV with the columns id and score: {error}") from error
    return scores


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _kappa(x: "Table", y: "Table", grid: "Table", weights: Weights) -> "Table":
    """Kappa of each row: 1 less the disagreement there is over the one that chance would give."""
    import numpy as np

    def cost(distance: "Table") -> "Table":
        if weights == "none":
            return np.sign(distance) ** 2
        return np.abs(distance) ** (1 if weights == "linear" else 2)

    there = cost(x - y).mean(axis=1)
    shares = [np.stack([(r == score).mean(axis=1) for score in grid], axis=1) for r in (x, y)]
    chance = np.einsum("di,ij,dj->d", shares[0], cost(grid[:, None] - grid), shares[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(chance > 0, 1 - there / chance, np.nan)


def _spearman(x: "Table", y: "Table") -> "Table":
    """Correlation of the ranks of each row."""
    import numpy as np
    from scipy.stats import rankdata

    ranks = [rankdata(r, axis=1) for r in (x, y)]
    a, b = (r - r.mean(axis=1, keepdims=True) for r in ranks)
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(scale > 0, (a * b).sum(axis=1) / scale, np.nan)


def _estimate(value: "Table", draws: "Table") -> Estimate:
    import numpy as np

    if np.isnan(value[0]):
        return Estimate(None, None, None)
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return Estimate(float(value[0]), float(low), float(high))
