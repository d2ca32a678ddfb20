"""How far a reproduced submission may be from the one that was scored online."""

from collections.abc import Mapping
from typing import Any

from gpu_metrics.errors import ProfileError
from gpu_metrics.profiles.checks import check_keys
from gpu_metrics.profiles.profile import Measure, Ranking, Tolerance, Tolerances

_TABLE = {"score": "a table", "images": "a number", "measures": "a table"}
_TOLERANCE = {"match": "a number", "minor": "a number"}

# shares of the range of values that real submissions reach
_MATCH, _MINOR = 1e-4, 1e-3
# units of the last digit that the ranked value is printed with
_MATCHING_UNITS, _MINOR_UNITS = 1, 10
_IMAGES = 0.1


def parse_tolerances(
    table: Mapping[str, Any], ranking: Ranking, measures: Mapping[str, Measure], *, where: str
) -> Tolerances:
    """Read `[verify]`; what it leaves out has the defaults that `Tolerances` states."""
    check_keys(table, {}, _TABLE, where=where)
    given = table.get("measures", {})
    check_keys(given, {}, dict.fromkeys(measures, "a table"), where=f"{where} measures")
    images = table.get("images", _IMAGES)
    if not 0 <= images <= 1:
        raise ProfileError(f"{where}: images is a share and must lie in 0..1, got {images}")
    unit = 10.0**-ranking.digits
    score = Tolerance(_MATCHING_UNITS * unit, _MINOR_UNITS * unit)
    return Tolerances(
        score=_tolerance(table.get("score"), score, where=f"{where} score"),
        measures={
            name: _tolerance(given.get(name), _usual(measure), where=f"{where} measures.{name}")
            for name, measure in measures.items()
        },
        images=float(images),
    )


def _usual(measure: Measure) -> Tolerance:
    low, high = measure.catalogued.plausible
    return Tolerance(_MATCH * (high - low), _MINOR * (high - low))


def _tolerance(table: Mapping[str, Any] | None, usual: Tolerance, *, where: str) -> Tolerance:
    if table is None:
        return usual
    check_keys(table, _TOLERANCE, {}, where=where)
    if not 0 <= table["match"] <= table["minor"]:
        raise ProfileError(
            f"{where}: expected 0 <= match <= minor, got {table['match']} and {table['minor']}"
        )
    return Tolerance(float(table["match"]), float(table["minor"]))
