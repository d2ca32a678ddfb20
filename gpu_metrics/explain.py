"""How a formula behaves near an operating point: values, slopes, and where better scores worse."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from gpu_metrics.catalog import did_you_mean
from gpu_metrics.errors import InputError, ProfileError
from gpu_metrics.profiles import Measure, Profile
from gpu_metrics.score import compose, per_image

Point = Mapping[str, float]
Others = Literal["as given", "worst", "best"]

STEPS = 100
# of the value, or of the plausible range where the value is smaller than that
RELATIVE_STEP = 1e-5
# scores are sums of a few doubles; changes below this share of the score are rounding
ROUNDING = 1e-11


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What one measure does to the ranked value at the operating point.

    `slope` is the derivative; `one_percent` the change of the ranked value when the measure
    improves by 1 % of itself. `effect` of a small improvement on the ranking: "better", "worse",
    "none" (clipped or unused), or "best" where nothing is left to improve.
    """

    measure: str
    value: float
    unit: str
    higher_is_better: bool
    slope: float
    one_percent: float
    effect: Literal["better", "worse", "none", "best"]


@dataclass(frozen=True, slots=True)
class Trap:
    """A stretch over which a measure improves, from `start` to `end`, and the score gets worse.

    `others` says where the other measures stand: "as given" by the operating point, or all at
    the "worst" or "best" of their plausible values. `loss` is positive, in units of the score.
    """

    measure: str
    start: float
    end: float
    loss: float
    others: Others


@dataclass(frozen=True, slots=True)
class Explanation:
    """A formula at an operating point.

    `values` holds every named value, `warnings` what a host should know of this point and
    `remarks` which measures are not used and what happens far from the point.
    """

    by: str
    at: Mapping[str, float]
    values: Mapping[str, float]
    sensitivities: tuple[Sensitivity, ...]
    traps: tuple[Trap, ...]
    warnings: tuple[str, ...]
    remarks: tuple[str, ...]


def explain(profile: Profile, at: Point | None = None) -> Explanation:
    """The formula of `profile` where the measures are as `at` says and otherwise typical.

    Per-image assignments are evaluated as if every image had these values.
    """
    point = _point(profile, at or {})
    values = _values(profile, point)
    sensitivities = tuple(_sensitivity(profile, point, m) for m in profile.measures.values())
    used = _used(profile)
    warnings = [*_effects(profile, (s for s in sensitivities if s.measure in used))]
    by = profile.ranking.by
    remarks = [
        f"{m} is measured and does not enter {by}" for m in profile.measures if m not in used
    ]
    traps: list[Trap] = []
    grounds: dict[Others, Point] = {
        "as given": point,
        "worst": _extreme(profile, best=False),
        "best": _extreme(profile, best=True),
    }
    for others, ground in grounds.items():
        for measure in profile.measures.values():
            found, gaps = _scan(profile, ground, measure, others)
            traps.extend(found)
            notes = warnings if others == "as given" else remarks
            notes.extend([*(_sentence(profile, trap) for trap in found), *gaps])
    return Explanation(
        profile.ranking.by,
        point,
        values,
        sensitivities,
        tuple(traps),
        tuple(warnings),
        tuple(remarks),
    )


def _point(profile: Profile, at: Point) -> dict[str, float]:
    for name in at:
        if name not in profile.measures:
            raise InputError(
                f"at: unknown measure {name!r}; expected {', '.join(profile.measures)}"
                f"{did_you_mean(name, profile.measures)}"
            )
    return {name: float(at.get(name, profile.typical[name])) for name in profile.measures}


def _values(profile: Profile, point: Point) -> dict[str, float]:
    means = {**point, **per_image(profile, point)}
    composed = compose(profile, means)
    return {n: v for n, v in {**means, **composed}.items() if v is not None}


def _ranked(profile: Profile, point: Point, measure: Measure, value: float) -> float:
    return _values(profile, {**point, measure.name: value})[profile.ranking.by]


def _sensitivity(profile: Profile, point: Point, measure: Measure) -> Sensitivity:
    metric, value = measure.catalogued, point[measure.name]
    low, high = metric.plausible
    step = RELATIVE_STEP * max(abs(value), 1e-3 * (high - low))
    below, above = _clamp(measure, value - step), _clamp(measure, value + step)
    here = _ranked(profile, point, measure, value)
    rise = _ranked(profile, point, measure, above) - _ranked(profile, point, measure, below)
    sign = 1 if metric.higher_is_better else -1
    improved = above if metric.higher_is_better else below
    gain = _gain(profile, here, _ranked(profile, point, measure, improved))
    percent = _clamp(measure, value + sign * 0.01 * abs(value))
    return Sensitivity(
        measure.name,
        value,
        metric.unit,
        metric.higher_is_better,
        slope=rise / (above - below),
        one_percent=_ranked(profile, point, measure, percent) - here,
        effect="best" if improved == value else _effect(gain),
    )


def _effect(gain: float) -> Literal["better", "worse", "none"]:
    if gain == 0:
        return "none"
    return "better" if gain > 0 else "worse"


def _gain(profile: Profile, before: float, after: float) -> float:
    """How much better `after` ranks, in units of the score; 0 where rounding explains it."""
    change = after - before
    if abs(change) <= ROUNDING * max(1.0, abs(before)):
        return 0.0
    return change if profile.ranking.higher_is_better else -change


def _clamp(measure: Measure, value: float) -> float:
    low, high = measure.catalogued.domain
    return min(max(value, low), high)


def _extreme(profile: Profile, *, best: bool) -> dict[str, float]:
    """Every measure at the best, or the worst, of its plausible values."""
    metrics = {name: measure.catalogued for name, measure in profile.measures.items()}
    return {name: m.plausible[m.higher_is_better is best] for name, m in metrics.items()}


def _scan(
    profile: Profile, ground: Point, measure: Measure, others: Others
) -> tuple[list[Trap], list[str]]:
    """Walk `measure` from its worst plausible value to its best and note where the score drops."""
    metric = measure.catalogued
    low = min(metric.plausible[0], ground[measure.name])
    high = max(metric.plausible[1], ground[measure.name])
    values = [low + (high - low) * step / STEPS for step in range(STEPS + 1)]
    walk: list[tuple[float, float]] = []
    gaps: list[str] = []
    for value in values if metric.higher_is_better else reversed(values):
        try:
            walk.append((value, _ranked(profile, ground, measure, value)))
        except ProfileError as error:
            gaps.append(f"{profile.ranking.by} has no value at {measure.name} = {value:g}: {error}")
    traps: list[Trap] = []
    for (start, before), (end, after) in pairwise(walk):
        if (gain := _gain(profile, before, after)) >= 0:
            continue
        if traps and traps[-1].end == start:
            start, gain = traps[-1].start, gain - traps.pop().loss
        traps.append(Trap(measure.name, start, end, -gain, others))
    return traps, gaps[:1]


def _used(profile: Profile) -> set[str]:
    """Everything that the ranked value is made of, assignment by assignment."""
    expressions = {**profile.per_image, **profile.formula}
    used, waiting = set[str](), [profile.ranking.by]
    while waiting:
        name = waiting.pop()
        used.add(name)
        waiting += expressions[name].names if name in expressions else ()
    return used


def _effects(profile: Profile, sensitivities: Iterable[Sensitivity]) -> Iterator[str]:
    by = profile.ranking.by
    for s in sensitivities:
        here = f"{s.measure} = {s.value:g}"
        if s.effect == "worse":
            direction = "lowers" if profile.ranking.higher_is_better else "raises"
            yield f"improving {s.measure} {direction} {by} at {here}"
        elif s.effect == "none":
            yield f"improving {s.measure} does not move {by} at {here}: clipped there"


def _sentence(profile: Profile, trap: Trap) -> str:
    direction = "lowers" if profile.ranking.higher_is_better else "raises"
    others = "" if trap.others == "as given" else f", all else at its {trap.others} plausible value"
    return (
        f"improving {trap.measure} from {trap.start:.4g} to {trap.end:.4g} {direction} "
        f"{profile.ranking.by} by {trap.loss:.3g}{others}"
    )
