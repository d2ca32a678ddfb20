"""Which metric agrees with the jury: rank correlations with its picks."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float64
from scipy.stats import kendalltau, rankdata, spearmanr

from gpu_metrics.errors import InputError
from gpu_metrics.ranking.bootstrap import DRAWS, Values, resamples
from gpu_metrics.ranking.jury import Jury
from gpu_metrics.ranking.trust import intervals
from gpu_metrics.study.worth.objective import Objective

# of fewer teams a correlation says nothing
_FEWEST = 3

Interval = tuple[float, float]
Column = Float[np.ndarray, "teams"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A correlation, with its p-value where it is of one sample, and an interval from draws."""

    value: float | None
    p_value: float | None = None
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Correlation:
    """How a metric agrees with the jury; +1 is full agreement whichever way the metric points.

    `spearman` and `kendall` (tau-b) are over `teams`, means against counted picks; the interval is
    that of votes drawn anew. `within_*` are means over `scenes` of the correlation over teams in a
    scene, the value of the image against the share of jurors who picked it; their interval is
    that of scenes drawn anew. None where fewer than 3 teams have both, or where nothing varies.
    """

    name: str
    higher_is_better: bool
    teams: int
    spearman: Estimate
    kendall: Estimate
    scenes: int
    within_spearman: Estimate
    within_kendall: Estimate


@dataclass(frozen=True, slots=True)
class Correlations:
    """All metrics, those that agree most with the jury first, and what is missing."""

    profile: str
    metrics: tuple[Correlation, ...]
    remarks: tuple[str, ...]


def correlate(
    jury: Jury,
    counts: Column,
    objective: Objective,
    *,
    drawn: Values | None = None,
    items: int | float = math.inf,
    draws: int = DRAWS,
    seed: int = 0,
) -> Correlations:
    """Every metric and the total beside the jury, over the teams that both know.

    Args:
        jury: Who picked whom; its scenes are ids of the images of `objective`.
        counts: The picks of each team as the rules count them.
        objective: Metrics of teams.
        drawn, items: `counts` in draws of the votes (`drawn_picks`), and of how many items these
            speak, for intervals over teams.
        draws, seed: Draws of scenes, for intervals within them.

    Raises:
        InputError: Jury and metrics have fewer than 3 teams in common.
    """
    known = [index for index, team in enumerate(jury.teams) if team in objective.values]
    if len(known) < _FEWEST:
        raise InputError(
            f"expected metrics of at least {_FEWEST} teams that the jury saw, got {len(known)}"
        )
    teams = [jury.teams[index] for index in known]
    images, undefined = objective.images(teams, jury.scenes)
    shown, picked = (x[:, :, known].sum(axis=0) for x in (jury.shown, jury.picked))
    share = np.where(shown > 0, picked / np.maximum(shown, 1), np.nan)
    metrics = []
    for name, higher in objective.directions.items():
        sign = 1.0 if higher else -1.0
        column = sign * objective.column(name, teams)
        table = sign * images.get(name, np.full(share.shape, np.nan))
        rhos, taus = (
            np.array([_rank(method, x, y)[0] for x, y in zip(table, share, strict=True)])
            for method in (spearmanr, kendalltau)
        )
        rho, rho_p = _rank(spearmanr, column, counts[known])
        tau, tau_p = _rank(kendalltau, column, counts[known])
        again = None if drawn is None else _redrawn(column, drawn[:, known], items)
        metrics.append(
            Correlation(
                name,
                higher,
                int((~np.isnan(column)).sum()),
                Estimate(_plain(rho), _plain(rho_p), again),
                Estimate(_plain(tau), _plain(tau_p)),
                int((~np.isnan(rhos)).sum()),
                _within(rhos, draws, seed),
                _within(taus, draws, seed),
            )
        )
    metrics.sort(key=lambda m: -2 if m.spearman.value is None else m.spearman.value, reverse=True)
    remarks = [f"{team} has no metrics" for team in jury.teams if team not in objective.values]
    remarks += _without_rows(objective, teams, jury.scenes)
    return Correlations(
        objective.profile.name, tuple(metrics), (*remarks, *([undefined] if undefined else []))
    )


def _rank(method: Callable[..., Any], x: Column, y: Column) -> tuple[float, float]:
    """A correlation of SciPy and its p-value, over what both have; NaN where it is undefined."""
    both = ~np.isnan(x) & ~np.isnan(y)
    x, y = x[both], y[both]
    if len(x) < _FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan, np.nan
    found = method(x, y)
    return float(found.statistic), float(found.pvalue)


def _redrawn(column: Column, drawn: Values, items: int | float) -> Interval | None:
    """The interval of Spearman's correlation when votes are drawn anew and metrics stay."""
    both = ~np.isnan(column) & ~np.isnan(drawn).any(axis=0)
    if both.sum() < _FEWEST or np.ptp(column[both]) == 0:
        return None
    x, y = (rankdata(values[..., both], axis=-1) for values in (column, drawn))
    x, y = (ranks - ranks.mean(axis=-1, keepdims=True) for ranks in (x, y))
    scale = np.sqrt((x**2).sum() * (y**2).sum(axis=-1))
    return _interval((y @ x)[scale > 0] / scale[scale > 0], items)


def _within(of_scenes: Float64[np.ndarray, "scenes"], draws: int, seed: int) -> Estimate:
    """The mean over scenes that have a correlation, and its interval."""
    values = of_scenes[~np.isnan(of_scenes)]
    if len(values) == 0:
        return Estimate(None)
    interval = None
    if len(values) > 1 and draws:
        counts = resamples(len(values), draws=draws, seed=seed)
        interval = _interval(counts @ values / len(values), len(values))
    return Estimate(float(values.mean()), None, interval)


def _interval(values: Float64[np.ndarray, "draws"], items: int | float) -> Interval | None:
    return intervals(values[:, None], items=items)[0] if len(values) else None


def _without_rows(objective: Objective, teams: Iterable[str], scenes: Iterable[str]) -> list[str]:
    """Which teams lack images of scenes."""
    wanted, remarks = {*scenes}, []
    for team in teams:
        if absent := wanted - {id_ for id_, _, _ in objective.rows.get(team, ())}:
            number = "no" if absent == wanted else f"{len(wanted) - len(absent)} of {len(wanted)}"
            remarks.append(f"{team} has metrics of {number} scenes")
    return remarks


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else value
