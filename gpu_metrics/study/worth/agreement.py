"""How far jurors agree on whom they pick: Krippendorff's alpha."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from gpu_metrics.ranking.bootstrap import DRAWS, resamples
from gpu_metrics.ranking.jury import Jury
from gpu_metrics.ranking.trust import CONFIDENCE, percentile_level

Counts = Int64[np.ndarray, "*units"]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Krippendorff's alpha of a jury; None where it is undefined.

    `interval` is of `alpha`, from draws of scenes. `by_scene` is of each scene alone, `without`
    of the jury without each juror: a juror without whom alpha rises agrees least with the others.
    """

    alpha: float | None
    interval: Interval | None
    by_scene: Mapping[str, float | None]
    without: Mapping[str, float | None]


def agreement(jury: Jury, *, draws: int = DRAWS, seed: int = 0) -> Agreement:
    """Alpha over all scenes, in each of them, and without each juror.

    A unit is a team in a scene, which each juror who was shown it picked or not. 1 is the same
    picks by everybody, 0 what picks at random give. Everybody picks exactly k of n, so each pair
    of jurors agrees by chance on the same share of units, which alpha takes off: over all scenes
    and within a single one, picks at random give 1 / (number of votes on units) in the mean. The
    least there can be is not -1 but depends on k and n: two jurors who never agree have -0.28
    with 3 of 12. Alpha is undefined where no unit was shown to two jurors, or where all that was
    shown was picked.

    Reference:
        Krippendorff, "Content Analysis", 2004, chapter 11; nominal data, units that fewer than
        two jurors were shown left out.
    """
    shown, picked = jury.shown.sum(axis=0), jury.picked.sum(axis=0)
    others = (shown - jury.shown, picked - jury.picked)
    whole = _sums(shown, picked)
    return Agreement(
        alpha=_plain(float(_alpha(whole.sum(axis=-1)))),
        interval=_interval(whole, draws, seed),
        by_scene=_named(jury.scenes, _alpha(whole)),
        without=_named(jury.jurors, _alpha(_sums(*others).sum(axis=-1))),
    )


def _sums(shown: Counts, picked: Counts) -> Float[np.ndarray, "3 *scenes"]:
    """Of the teams of each scene: pairs that disagree per juror's choice, votes, and picks."""
    paired = shown > 1
    apart = picked * (shown - picked) / np.maximum(shown - 1, 1)
    return np.array([np.sum(x * paired, axis=-1, dtype=float) for x in (apart, shown, picked)])


def _alpha(sums: Float[np.ndarray, "3 *any"]) -> Float[np.ndarray, "*any"]:
    """1 less the disagreement there is over that of chance; NaN where chance has none."""
    apart, votes, picks = sums
    chance = picks * (votes - picks)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(chance > 0, 1 - (votes - 1) * apart / chance, np.nan)


def _interval(sums: Float[np.ndarray, "3 scenes"], draws: int, seed: int) -> Interval | None:
    scenes = sums.shape[1]
    if scenes < 2 or not draws:
        return None
    drawn = _alpha(sums @ resamples(scenes, draws=draws, seed=seed).T)
    if np.isnan(drawn).all():
        return None
    level = percentile_level(CONFIDENCE, scenes)
    low, high = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _named(names: Iterable[str], values: Float[np.ndarray, "names"]) -> dict[str, float | None]:
    return {n: _plain(value) for n, value in zip(names, values.tolist(), strict=True)}


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
