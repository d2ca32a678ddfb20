import re
from xml.etree import ElementTree

import pytest

from gpu_metrics.study.worth.charts import bars, ranges, shares


def parsed(chart):
    """The svg inside, which must be well-formed."""
    return ElementTree.fromstring(chart)[0]


def test_dots_and_lines_stand_where_the_axis_says():
    chart = parsed(ranges([("a", 82.0, (81.0, 84.0)), ("b", 90.0, None)], title="t", digits=1))
    ticks = {
        float(t.text): float(t.get("x")) for t in chart.iter("text") if t.get("fill") != "#222"
    }
    (low, at_low), (high, at_high) = min(ticks.items()), max(ticks.items())

    def x(value):
        return at_low + (at_high - at_low) * (value - low) / (high - low)

    dots = [float(dot.get("cx")) for dot in chart.iter("circle")]
    assert dots == pytest.approx([x(82), x(90)], abs=0.2)
    [line] = [line for line in chart.iter("line") if line.get("stroke-width") == "7"]
    assert float(line.get("x1")) == pytest.approx(x(81), abs=0.2)
    assert float(line.get("x2")) == pytest.approx(x(84), abs=0.2)
    assert low <= 81 and high >= 90


@pytest.mark.parametrize("values", [[0.0], [-1e-9, 1e-9], [1e6, 1e6], [-3.0, 0.4]])
def test_any_range_has_an_axis(values):
    chart = parsed(ranges([("a", v, None) for v in values], title="t", digits=1, zero=True))
    assert len(list(chart.iter("circle"))) == len(values)


def test_bars_are_as_high_as_their_values():
    chart = parsed(bars([10, 20, 0], [10.0, 10.0, 10.0], title="t"))
    heights = [float(bar.get("height")) for bar in chart.iter("rect")]
    assert heights[1] == pytest.approx(2 * heights[0]) and heights[2] == 0
    assert parsed(bars([], [], title="t")) is not None


def test_shares_are_in_percent_and_nothing_stays_blank():
    chart = parsed(shares([("a", [0.996, 0.004]), ("b", [0.0, 1.0])], title="t"))
    texts = [text.text for text in chart.iter("text")]
    assert texts == ["1", "2", "a", "100", "<1", "b", "100"]


def test_names_are_escaped_and_cut():
    name = "<script>" + "x" * 40
    for chart in (
        ranges([(name, 1.0, None)], title=name, digits=1),
        shares([(name, [1.0])], title="t"),
    ):
        assert "<script" not in chart and "…" in chart
        assert re.search(r"&lt;script&gt;x+…<", chart)
        parsed(chart)
