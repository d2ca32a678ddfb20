"""Small charts as SVG, to stand in a page; every text escaped."""

import math
from collections.abc import Iterable, Sequence
from html import escape

_INK, _QUIET, _LINE, _COLOR, _PALE = "#222", "#666", "#e2e2df", "#2b6a8c", "#b9d3e0"
_WIDTH, _ROW, _LABELS = 1000, 28, 210
_LONGEST = 24

Number = int | float
Range = tuple[str, float, tuple[float, float] | None]


def ranges(rows: Sequence[Range], *, title: str, digits: int, zero: bool = False) -> str:
    """A dot per row at its value, on a line from end to end of its interval.

    `title` says what is shown, to who cannot see it; `zero` draws a line there.
    """
    ends = [end for _, value, interval in rows for end in (value, *(interval or ()))]
    ends += [0.0] if zero else []
    ticks = _ticks(min(ends), max(ends))
    low, span = ticks[0], ticks[-1] - ticks[0]
    room = _WIDTH - _LABELS - 90

    def x(value: float) -> float:
        return _LABELS + room * (value - low) / span

    height = _ROW * len(rows)
    parts = [
        _line(x(tick), 0, x(tick), height, color=_QUIET if zero and tick == 0 else _LINE)
        + _text(x(tick), height + 18, f"{tick:g}", anchor="middle", color=_QUIET)
        for tick in ticks
    ]
    for index, (label, value, interval) in enumerate(rows):
        y = _ROW * (index + 0.5)
        parts.append(_text(_LABELS - 16, y + 5, _cut(label), anchor="end"))
        if interval is not None:
            parts.append(_line(x(interval[0]), y, x(interval[1]), y, color=_PALE, width=7))
        parts.append(f'<circle cx="{x(value):.1f}" cy="{y:.1f}" r="5" fill="{_COLOR}"/>')
        parts.append(_text(_WIDTH - 8, y + 5, f"{value:.{digits}f}", anchor="end"))
    return _svg(parts, height + 26, title)


def bars(values: Sequence[Number], expected: Sequence[float], *, title: str) -> str:
    """A bar per value, numbered from 1, and a mark where it is expected."""
    top = _ticks(0.0, float(max([*values, *expected, 1])))[-1]
    height, step = 150, min(_WIDTH / max(len(values), 1), 80)

    def y(value: Number) -> float:
        return 24 + height * (1 - value / top)

    parts = []
    for index, (value, mark) in enumerate(zip(values, expected, strict=True)):
        left, middle = 8 + step * index, 8 + step * (index + 0.5)
        parts.append(
            f'<rect x="{left + step * 0.16:.1f}" y="{y(value):.1f}" width="{step * 0.68:.1f}" '
            f'height="{height * value / top:.1f}" rx="3" fill="{_PALE}"/>'
        )
        parts.append(_line(left + 4, y(mark), left + step - 4, y(mark), color=_COLOR, width=2))
        above = min(y(value), y(mark)) - 6
        parts.append(_text(middle, above, f"{value:g}", anchor="middle"))
        parts.append(_text(middle, height + 44, str(index + 1), anchor="middle", color=_QUIET))
    return _svg(parts, height + 54, title)


def shares(rows: Iterable[tuple[str, Sequence[float]]], *, title: str) -> str:
    """A grid of shares in percent, the darker the greater; columns are numbered from 1."""
    rows = list(rows)
    count = max(len(values) for _, values in rows)
    side = min((_WIDTH - _LABELS) / count, 72)
    parts = [
        _text(_LABELS + side * (i + 0.5), 16, str(i + 1), anchor="middle", color=_QUIET)
        for i in range(count)
    ]
    for index, (label, values) in enumerate(rows):
        y = 26 + _ROW * index
        parts.append(_text(_LABELS - 16, y + 19, _cut(label), anchor="end"))
        for number, value in enumerate(values):
            left = _LABELS + side * number
            parts.append(
                f'<rect x="{left + 1:.1f}" y="{y + 1}" width="{side - 2:.1f}" '
                f'height="{_ROW - 2}" rx="3" fill="{_COLOR}" fill-opacity="{value**0.7:.3f}"/>'
            )
            if text := _percent(value):
                color = "#fff" if value > 0.4 else _INK
                parts.append(_text(left + side / 2, y + 19, text, anchor="middle", color=color))
    return _svg(parts, 30 + _ROW * len(rows), title)


def _percent(value: float) -> str:
    if value == 0:
        return ""
    return "<1" if value < 0.005 else f"{100 * value:.0f}"


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers, about six, of which the first and last enclose the two."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / 5))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= span / 6)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(float(step * number), 12) for number in range(first, max(last, first + 1) + 1)]


def _cut(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"


def _text(x: Number, y: Number, text: str, *, anchor: str, color: str = _INK) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(text)}</text>'
    )


def _line(x: Number, y: Number, to_x: Number, to_y: Number, *, color: str, width: int = 1) -> str:
    return (
        f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{color}" '
        f'stroke-width="{width}" stroke-linecap="round"/>'
    )


def _svg(parts: Iterable[str], height: Number, title: str) -> str:
    box = f"-8 -8 {_WIDTH + 16} {height + 16:.0f}"
    return (
        f'<p><svg viewBox="{box}" width="{_WIDTH + 16}" font-size="14" role="img" '
        f'aria-label="{escape(title)}" style="max-width: 100%; background: #fff; '
        f'border: 1px solid {_LINE}; border-radius: 6px">{"".join(parts)}</svg></p>'
    )
