"""The part of a report that says which metric agrees with people."""

from collections.abc import Iterator

from gpu_metrics.page import heading, number, paragraph, table
from gpu_metrics.study.worth import charts
from gpu_metrics.study.worth.correlation import Correlations
from gpu_metrics.study.worth.figures import estimate_cells, p_text


def metric_blocks(found: Correlations) -> Iterator[str]:
    """Two tables, over teams and within scenes, with a chart and what to make of them."""
    metrics = found.metrics
    yield heading("Which metric agrees with people?")
    yield table(
        ("metric", "better is", "teams", "Spearman", "votes drawn anew", "p", "Kendall", "p "),
        [
            (
                metric.name,
                "higher" if metric.higher_is_better else "lower",
                str(metric.teams),
                *estimate_cells(metric.spearman),
                p_text(metric.spearman.p_value),
                number(metric.kendall.value, 2),
                p_text(metric.kendall.p_value),
            )
            for metric in metrics
        ],
    )
    yield paragraph(
        "Over teams, means against picks: +1 is full agreement with the jury whichever way a "
        "metric points, -1 the opposite. With so few teams only large values mean anything; votes "
        "drawn anew are noisier than those cast, so that what they give lies nearer to 0."
    )
    scored = [metric for metric in metrics if metric.within_spearman.value is not None]
    nearest = sorted(scored, key=lambda m: m.within_spearman.value or 0.0, reverse=True)
    if not nearest:
        return
    yield heading("Which metric sees it in an image?")
    yield table(
        ("metric", "scenes", "Spearman", "interval", "Kendall", "interval "),
        [
            (
                metric.name,
                str(metric.scenes),
                *estimate_cells(metric.within_spearman),
                *estimate_cells(metric.within_kendall),
            )
            for metric in nearest
        ],
    )
    yield charts.ranges(
        [(m.name, m.within_spearman.value or 0.0, m.within_spearman.interval) for m in nearest],
        title="Spearman in a scene by metric",
        digits=2,
        zero=True,
    )
    yield paragraph(
        "The same among the results of one scene, averaged over scenes. Few picks and many ties "
        "keep it far from 1; what counts is which metric comes nearer. The score of one image is "
        f"the formula of {found.profile} applied to it alone."
    )
