"""Numbers of a report as people write them; ranges are never broken in two."""

from gpu_metrics.page import number
from gpu_metrics.study.worth.correlation import Estimate


def p_text(value: float | None) -> str:
    """A p-value; a dash where there is none."""
    if value is None:
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def range_text(interval: tuple[float, float] | None, digits: int) -> str:
    """An interval; a dash where there is none."""
    if interval is None:
        return "-"
    return f"{interval[0]:.{digits}f}\u00a0..\u00a0{interval[1]:.{digits}f}"


def places_text(places: tuple[int, int] | None) -> str:
    """The first and last of some places; a dash where there are none."""
    if places is None:
        return "-"
    return f"{places[0]}" if places[0] == places[1] else f"{places[0]}\u00a0..\u00a0{places[1]}"


def estimate_cells(found: Estimate) -> tuple[str, str]:
    """A correlation and its interval."""
    return number(found.value, 2), range_text(found.interval, 2)
