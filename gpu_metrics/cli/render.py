"""Results as tables for people."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from gpu_metrics.explain import Explanation
from gpu_metrics.page import is_number, number
from gpu_metrics.profiles import Profile
from gpu_metrics.results import Run

if TYPE_CHECKING:
    from gpu_metrics.bench import Report


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    title: str = "",
    to: Console | None = None,
) -> None:
    """Print a table, on stdout by default: numbers to the right, words to the left."""
    rows = list(rows)
    shown = Table(box=SIMPLE, title=title, title_justify="left", title_style="bold")
    for index, column in enumerate(columns):
        numeric = all(is_number(row[index]) for row in rows)
        shown.add_column(column, justify="right" if numeric else "left", no_wrap=index == 0)
    for row in rows:
        shown.add_row(*row)
    (to or console()).print(shown)


def console() -> Console:
    """Where results go; as wide as they need where it is no terminal."""
    out = Console(highlight=False, markup=False, emoji=False)
    if not out.is_terminal:
        out.width = 160
    return out


def run(record: Run, profile: Profile) -> None:
    """The record of one submission: measures, then the values of the formula."""
    device = record.provenance.get("device", "?")
    images = f"{len(record.images)} image{'s' * (len(record.images) != 1)}"
    head = (
        f"{record.submission}: {record.profile.name} {record.profile.version}, {images}, {device}"
    )
    rows = []
    for name, mean in record.means.items():
        count = record.counts[name]
        unit = profile.measures[name].catalogued.unit if name in profile.measures else ""
        left_out = f"{count.not_scored}" if count.not_scored else ""
        rows.append((name, number(mean), unit, f"{count.scored}", left_out))
    table(["mean over images", "value", "unit", "scored", "not scored"], rows, title=head)
    by, digits = profile.ranking.by, profile.ranking.digits
    values = [
        (name, number(value, digits) if name == by else number(value))
        for name, value in record.scores.items()
    ]
    table(["formula", "value"], values)


def leaderboard(runs: Sequence[Run], profile: Profile) -> None:
    """Submissions in the order of the profile's ranking, those without a score last."""
    by, sign = profile.ranking.by, -1 if profile.ranking.higher_is_better else 1

    def rank(record: Run) -> tuple[bool, float, str]:
        value = record.scores[by]
        return value is None, sign * (value or 0.0), record.submission

    rows = [
        (
            record.submission,
            *(number(value) for value in record.means.values()),
            number(record.scores[by], profile.ranking.digits),
        )
        for record in sorted(runs, key=rank)
    ]
    columns = ["submission", *runs[0].means, by]
    table(columns, rows, title=f"{profile.name} {profile.version}")


def stages(rows: Iterable[tuple[str, int, float, float]], to: Console) -> None:
    """Where the time of a run went: name, times, seconds and share of each stage."""
    cells = [
        (name, f"{count}", f"{1e3 * seconds:.1f}", f"{1e3 * seconds / count:.2f}", f"{share:.1%}")
        for name, count, seconds, share in rows
    ]
    table(["stage", "times", "ms", "ms each", "of all work"], cells, to=to)


def timings(report: "Report") -> None:
    """How fast a submission was scored, and where the time went."""
    speedup = report.speedup()
    slowest = max(timing.median for timing in report.timings)
    rows = [
        (
            timing.name,
            f"{timing.images}",
            f"{1e3 * timing.median:.1f}",
            f"{1 / timing.median:.1f}",
            f"{slowest / timing.median:.1f}",
        )
        for timing in report.timings
    ]
    device = report.machine["device"]
    size = report.megapixels / report.images
    head = f"{report.profile}: {report.images} images of {size:.2f} Mpx, {device}"
    table(["", "images", "ms per image", "images/s", "times as fast"], rows, title=head)
    stages(map(astuple, report.stages), console())
    if speedup is not None:
        console().print(f"A warm scorer is {speedup:.1f} times as fast as the official procedure.")


def explanation(found: Explanation) -> None:
    """A formula at an operating point."""
    values = [(name, number(value)) for name, value in found.values.items()]
    table(["value", f"at {found.by} = {found.values[found.by]:.4f}"], values)
    rows = [
        (s.measure, number(s.value), f"{s.slope:+.4f}", f"{s.one_percent:+.4f}", s.effect)
        for s in found.sensitivities
    ]
    changes = f"{found.by} if 1 % better"
    table(["measure", "at", f"d {found.by}", changes, "a better value makes it"], rows)
