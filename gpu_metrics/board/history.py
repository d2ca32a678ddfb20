"""Everything that happened on a board, in the order of time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, select

from gpu_metrics.board.schema import (
    marks,
    moment,
    profiles,
    runs,
    submissions,
    teams,
    withdrawals,
)
from gpu_metrics.board.store import Board


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a team: a submission, a run of it, or a word of the host.

    `submission` is the number of the one it happened to; None where it happened to the team.
    """

    at: datetime
    team: str
    phase: str
    what: Literal["submission", "run", "strike", "restore", "withdraw", "reinstate"]
    detail: str
    submission: int | None = None


def history(board: Board, *, team: str | None = None, phase: str | None = None) -> list[Event]:
    """What happened, oldest first, to one team or to all, in one phase or in all."""
    of = teams.c.name.label("of")
    entered = (
        select(submissions, of).select_from(submissions.join(teams)).order_by(submissions.c.id)
    )
    of_team = runs.join(submissions).join(teams)
    scored = (
        select(runs, profiles, submissions.c.phase, of)
        .select_from(of_team.join(profiles, profiles.c.digest == runs.c.profile))
        .order_by(runs.c.id)
    )
    withdrawn = (
        select(withdrawals, submissions.c.phase, of)
        .select_from(withdrawals.join(submissions).join(teams))
        .order_by(withdrawals.c.id)
    )
    marked = select(marks, of).select_from(marks.join(teams)).order_by(marks.c.id)

    def limited(query: Select[Any], phases: Any) -> Select[Any]:
        if team is not None:
            query = query.where(teams.c.name == team)
        return query if phase is None else query.where(phases == phase)

    with board.reading() as connection:
        events = [
            *(
                Event(moment(row.at), row.of, row.phase, "submission", row.name, row.id)
                for row in connection.execute(limited(entered, submissions.c.phase))
            ),
            *(
                Event(
                    moment(row.added_at),
                    row.of,
                    row.phase,
                    "run",
                    _score(row),
                    row.submission,
                )
                for row in connection.execute(limited(scored, submissions.c.phase))
            ),
            *(
                Event(
                    moment(row.at),
                    row.of,
                    row.phase,
                    "withdraw" if row.withdrawn else "reinstate",
                    row.reason,
                    row.submission,
                )
                for row in connection.execute(limited(withdrawn, submissions.c.phase))
            ),
            *(
                Event(
                    moment(row.at),
                    row.of,
                    row.phase,
                    "strike" if row.struck else "restore",
                    row.reason,
                )
                for row in connection.execute(limited(marked, marks.c.phase))
            ),
        ]
    return sorted(events, key=lambda event: event.at)


def _score(row: Any) -> str:
    found = "no score" if row.value is None else f"{row.value:.6f}"
    by = f"{row.name} {row.version} ({row.digest:.12})"
    return f"{found} by {by}, engine {row.engine or 'unknown'}"
