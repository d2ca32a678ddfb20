"""From values of images to means, and from means to the score, as a profile's formula says."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gpu_metrics.catalog import did_you_mean
from gpu_metrics.errors import InputError, ProfileError
from gpu_metrics.expressions import Expression
from gpu_metrics.profiles import Measure, Profile

# id of an image, its value per measure (None: not scored), its pixels per region; the region
# "image" is the whole image
Row = tuple[str, Mapping[str, float | None], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Means:
    """Mean per measure and per-image name; None where no image was scored.

    `scored` and `not_scored` count images per name.
    """

    values: Mapping[str, float | None]
    scored: Mapping[str, int]
    not_scored: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Score:
    """Everything a profile says of one submission; `total` and the rest are in `scores`."""

    means: Means
    scores: Mapping[str, float | None]


def score(profile: Profile, rows: Iterable[Row]) -> Score:
    """Means over images and every named value of the formula."""
    averaged = means(profile, rows)
    return Score(averaged, compose(profile, averaged.values))


def means(profile: Profile, rows: Iterable[Row]) -> Means:
    """Mean of every measure over the images that have a value, the others left out and counted.

    Sums are exact before they are rounded once, so the order of images never moves a bit.
    """
    rows = list(rows)
    check_rows(profile, rows)
    columns: dict[str, list[float | None]] = {}
    averages: dict[str, float | None] = {}
    for name, measure in profile.measures.items():
        columns[name] = [values[name] for _, values, _ in rows]
        averages[name] = _mean(columns[name], weights(measure, rows))
    derived = [_derived(profile, row) for row in rows]
    for name in profile.per_image:
        columns[name] = [values[name] for values in derived]
        averages[name] = _mean(columns[name], [1] * len(rows))
    not_scored = {name: column.count(None) for name, column in columns.items()}
    scored = {name: len(rows) - missing for name, missing in not_scored.items()}
    return Means(averages, scored, not_scored)


def per_image(profile: Profile, values: Mapping[str, float | None]) -> dict[str, float | None]:
    """The per-image assignments of one image; None where a value they need is None."""
    known = {name: values[name] for name in profile.measures}
    for name, expression in profile.per_image.items():
        known[name] = _evaluate(expression, known)
    return {name: known[name] for name in profile.per_image}


def compose(
    profile: Profile,
    means: Mapping[str, float | None],
    *,
    given: Mapping[str, float] | None = None,
) -> dict[str, float | None]:
    """Every named value of the formula; None where a mean it needs is None or absent.

    `given` enters the formula in the middle: it replaces assignments by name, as when a paper
    prints sub-scores but not the means behind them.
    """
    given = given or {}
    inputs = [*profile.measures, *profile.per_image]
    _check_names(means, inputs, what=f"means of {profile.name}")
    _check_names(given, profile.formula, what=f"given assignments of {profile.name}")
    known = {name: means.get(name) for name in inputs}
    for name, expression in profile.formula.items():
        if name in given:
            known[name] = given[name]
        else:
            known[name] = _evaluate(expression, known)
    return {name: known[name] for name in profile.formula}


def weights(measure: Measure, rows: Sequence[Row]) -> list[int]:
    """How much each image counts in the mean of a measure, values that are None included."""
    if measure.pool == "mean":
        return [1] * len(rows)
    counted = [pixels.get(measure.region, 0) for _, _, pixels in rows]
    for (id_, values, _), weight in zip(rows, counted, strict=True):
        if weight < 1 and values[measure.name] is not None:
            raise InputError(
                f"rows: image {id_!r} has a value of {measure.name} but no pixels of region "
                f"{measure.region!r}, by which it is weighted"
            )
    return counted


def check_rows(profile: Profile, rows: Iterable[Row]) -> None:
    """Raise InputError unless every image comes once, with a finite number or None per measure."""
    seen = set()
    for id_, values, _ in rows:
        if id_ in seen:
            raise InputError(f"rows: image {id_!r} comes twice")
        seen.add(id_)
        for name in profile.measures:
            if name not in values:
                raise InputError(f"rows: image {id_!r} lacks {name}; None says not scored")
            value = values[name]
            if value is not None and not math.isfinite(value):
                raise InputError(
                    f"rows: image {id_!r}: {name} must be finite, got {value}; None says not scored"
                )


def _evaluate(expression: Expression, known: Mapping[str, float | None]) -> float | None:
    values = {name: value for name in expression.names if (value := known[name]) is not None}
    return expression.evaluate(values) if len(values) == len(expression.names) else None


def _derived(profile: Profile, row: Row) -> dict[str, float | None]:
    id_, values, _ = row
    try:
        return per_image(profile, values)
    except ProfileError as error:
        raise ProfileError(f"image {id_!r}: {error}") from None


def _mean(column: list[float | None], weight: list[int]) -> float | None:
    pairs = [(v, w) for v, w in zip(column, weight, strict=True) if v is not None]
    if not pairs:
        return None
    return math.fsum(value * weight for value, weight in pairs) / sum(w for _, w in pairs)


def _check_names(names: Iterable[str], known: Iterable[str], *, what: str) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            raise InputError(
                f"{what}: unknown name {name!r}; expected {', '.join(known)}"
                f"{did_you_mean(name, known)}"
            )
