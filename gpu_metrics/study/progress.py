"""How far the jurors of a study are, never what they picked."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from gpu_metrics.page import bar, number, page, paragraph, table
from gpu_metrics.study.ballots import Cast


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a juror is: screens cast of all shown, the last time, and seconds per screen."""

    juror: str
    cast: int
    total: int
    last: str | None
    median_seconds: float | None

    @classmethod
    def of(cls, juror: str, cast: Sequence[Cast], *, total: int) -> "Progress":
        """What a juror's ballots, in the order in which they were received, say of it."""
        seconds = [item.ballot.seconds for item in cast]
        return cls(
            juror=juror,
            cast=len(cast),
            total=total,
            last=cast[-1].received if cast else None,
            median_seconds=statistics.median(seconds) if seconds else None,
        )


def to_html(title: str, jurors: Sequence[Progress]) -> str:
    """The organiser's page."""
    cast, total = sum(j.cast for j in jurors), sum(j.total for j in jurors)
    return page(
        title,
        paragraph(f"{cast} of {total} screens", "figure"),
        bar(cast, total),
        table(
            ("juror", "screens cast", "of", "last ballot, UTC", "median seconds per screen"),
            [
                (
                    juror.juror,
                    str(juror.cast),
                    str(juror.total),
                    f"{juror.last:.19}".replace("T", " ") if juror.last else "-",
                    number(juror.median_seconds, 1),
                )
                for juror in jurors
            ],
        ),
        paragraph("Practice and hidden repeats count as screens; the page renews itself.", "quiet"),
    )
