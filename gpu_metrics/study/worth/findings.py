"""What of a jury's worth an organiser should know first, in sentences."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Literal

from gpu_metrics.study.worth.figures import p_text
from gpu_metrics.study.worth.weighing import Worth

# below this a coincidence is worth a look; there are a handful of such tests in a report
_UNLIKELY = 0.01
# a juror this much faster than the jury
_HASTY = 1 / 3


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence, and whether it is a reason to look closer."""

    kind: Literal["good", "warn"]
    text: str


def findings(worth: Worth) -> list[Finding]:
    """The order, agreement, consistency, influence, positions, pace and metrics, in this order."""
    return [
        *_order(worth),
        *_agreement(worth),
        *_consistency(worth),
        *_influence(worth),
        *_positions(worth),
        *_pace(worth),
        *_metrics(worth),
        *(Finding("warn", remark) for remark in worth.remarks),
    ]


def _order(worth: Worth) -> Iterator[Finding]:
    first, *others = worth.teams
    level = [team.team for team in worth.teams if team.place == 1]
    if len(level) > 1:
        yield Finding("warn", f"{', '.join(level)} share the first place")
    elif first.ranks and others:
        tied = [t.team for t in others if {*(t.group or "")} & {*(first.group or "")}]
        text = f"{first.team} is first, and stays so in {first.ranks[0]:.0%} of the draws"
        if tied:
            yield Finding("warn", f"{text}; it cannot be told apart from {', '.join(tied)}")
        else:
            yield Finding("good", text)
    if not worth.connected:
        yield Finding(
            "warn",
            "some teams were never picked before any of the others: their strengths owe their "
            "size to the prior",
        )


def _agreement(worth: Worth) -> Iterator[Finding]:
    found = worth.agreement
    if found.alpha is None or found.interval is None:
        return
    low, high = found.interval
    text = f"(alpha {found.alpha:.2f}, {low:.2f} .. {high:.2f}; 0 is chance, 1 the same picks)"
    if low > 0:
        yield Finding("good", f"jurors agree more than by chance {text}")
    else:
        yield Finding("warn", f"jurors do not clearly agree more than by chance {text}")


def _consistency(worth: Worth) -> Iterator[Finding]:
    if not worth.consistency:
        return
    guessing = [c.juror for c in worth.consistency if c.guessing]
    if guessing:
        yield Finding(
            "warn",
            f"on hidden repeats {', '.join(guessing)} cannot be told from picking at random",
        )
    else:
        yield Finding(
            "good",
            "on hidden repeats every juror who had some picks more alike than at random",
        )


def _influence(worth: Worth) -> Iterator[Finding]:
    first = {team.team for team in worth.teams if team.place == 1}
    deciding = [
        dropped.juror
        for dropped in worth.influence
        if first != {team for team, place in dropped.places.items() if place == 1}
    ]
    if deciding:
        yield Finding("warn", f"without {' or without '.join(deciding)} the first place changes")
    elif worth.influence:
        yield Finding("good", "the first place does not hang on any single juror")


def _positions(worth: Worth) -> Iterator[Finding]:
    p_value = worth.positions.p_value
    if p_value is not None and p_value < _UNLIKELY:
        yield Finding("warn", f"where a tile stood mattered (p {p_text(p_value)})")
    elif p_value is not None:
        yield Finding("good", f"no sign that the place of a tile mattered (p {p_text(p_value)})")


def _pace(worth: Worth) -> Iterator[Finding]:
    usual = median(pace.seconds for pace in worth.paces)
    hasty = [pace.juror for pace in worth.paces if pace.seconds < _HASTY * usual]
    if hasty:
        yield Finding("warn", f"{', '.join(hasty)} took less than a third of the usual time")


def _metrics(worth: Worth) -> Iterator[Finding]:
    if worth.correlations is None:
        return
    known = [metric for metric in worth.correlations.metrics if metric.spearman.value is not None]
    if known and (known[0].spearman.value or 0) > 0:
        best = known[0]
        yield Finding(
            "good",
            f"{best.name} agrees most with the jury over teams (Spearman "
            f"{best.spearman.value:.2f})",
        )
    against = [m.name for m in known if m.spearman.interval and m.spearman.interval[1] < 0]
    if against:
        yield Finding("warn", f"{', '.join(against)} says the opposite of the jury")
    yield from (Finding("warn", remark) for remark in worth.correlations.remarks)
