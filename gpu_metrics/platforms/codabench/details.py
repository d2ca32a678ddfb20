"""`detailed_results.html`: what a participant sees while a submission is scored, and after."""

from collections.abc import Mapping

from gpu_metrics.errors import GpuMetricsError, SubmissionError
from gpu_metrics.page import (
    badge,
    bar,
    bullets,
    heading,
    number,
    page,
    paragraph,
    table,
)
from gpu_metrics.platforms.failures import sentence
from gpu_metrics.profiles import Profile
from gpu_metrics.results import Count, Run

_MOST_PROBLEMS = 200


def progress_page(profile: Profile, done: int, total: int, seconds: float) -> str:
    """How far scoring has got; `total` is 0 while the reference set is still being read."""
    text = f"{done} of {total} images" if total else "reading the reference set"
    return page(
        profile.title,
        badge("being scored", "warn"),
        bar(done, total or 1),
        paragraph(f"{text}, after {seconds:.0f} s", "quiet"),
    )


def result_page(profile: Profile, run: Run, scores: Mapping[str, float]) -> str:
    """The scores of a submission, the means behind them, and every image."""
    ranked, value = next(iter(scores.items()))
    better = "higher" if profile.ranking.higher_is_better else "lower"
    measures = list(profile.measures)
    units = {name: measure.catalogued.unit for name, measure in profile.measures.items()}
    return page(
        profile.title,
        badge("scored", "good"),
        paragraph(number(value, profile.ranking.digits), "figure"),
        paragraph(f"{ranked}, {better} is better, from {len(run.images)} images", "quiet"),
        heading("Scores"),
        table(["name", "value"], [(name, number(v)) for name, v in scores.items()]),
        heading("Means over images"),
        table(
            ["measure", "mean", "unit", "scored", "not scored"],
            [
                (name, number(run.means[name]), units.get(name, ""), str(c.scored), _some(c))
                for name, c in run.counts.items()
            ],
        ),
        heading("Images"),
        table(
            ["image", *(f"{name} ({units[name]})" if units[name] else name for name in measures)],
            [(row.id, *(number(row.values[name]) for name in measures)) for row in run.images],
        ),
        *([heading("Remarks"), bullets(run.warnings)] if run.warnings else []),
        paragraph(_footer(profile, run), "quiet"),
    )


def failure_page(profile: Profile, error: GpuMetricsError) -> str:
    """Why there is no score; faults of the submission one by one, others not at all."""
    if not isinstance(error, SubmissionError):
        return page(profile.title, badge("not scored", "bad"), paragraph(sentence(error)))
    problems = list(error.problems[:_MOST_PROBLEMS])
    if more := len(error.problems) - len(problems):
        problems.append(f"and {more} more")
    return page(
        profile.title,
        badge("not scored", "bad"),
        paragraph(error.summary),
        *([bullets(problems)] if problems else []),
    )


def _some(count: Count) -> str:
    return str(count.not_scored) if count.not_scored else ""


def _footer(profile: Profile, run: Run) -> str:
    engine, device = run.provenance.get("engine", "?"), run.provenance.get("device", "?")
    rules = f"{profile.name} {profile.version}, rules {profile.digest[:12]}"
    return f"{rules}, gpu-metrics {engine} on {device}"
