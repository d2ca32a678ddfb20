"""Everything that happened on a board, in the order of time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Column, Select, select

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

What = Literal["submission", "run", "strike", "restore", "withdraw", "reinstate"]

# what happened, its detail, and the number of the submission
_Told = tuple[What, str, int | None]
_Telling = Callable[[Any], _Told]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a team: a submission, a run of it, or a word of the host.

    `submission` is the number of the one it happened to; None where it happened to the team.
    """

    at: datetime
    team: str
    phase: str
    what: What
    detail: str
    submission: int | None


def history(board: Board, *, team: str | None = None, phase: str | None = None) -> list[Event]:
    """What happened, oldest first, to one team or to all, in one phase or in all."""
    of = teams.c.name.label("of")
    of_team = submissions.join(teams)
    entered = select(submissions, of).select_from(of_team).order_by(submissions.c.id)
    scored = (
        select(runs, runs.c.added_at.label("at"), profiles, submissions.c.phase, of)
        .select_from(runs.join(of_team).join(profiles, profiles.c.digest == runs.c.profile))
        .order_by(runs.c.id)
    )
    withdrawn = (
        select(withdrawals, submissions.c.phase, of)
        .select_from(withdrawals.join(of_team))
        .order_by(withdrawals.c.id)
    )
    marked = select(marks, of).select_from(marks.join(teams)).order_by(marks.c.id)

    def told(query: Select[Any], phases: Column[Any], tell: _Telling) -> Iterator[Event]:
        if team is not None:
            query = query.where(teams.c.name == team)
        if phase is not None:
            query = query.where(phases == phase)
        for row in connection.execute(query):
            yield Event(moment(row.at), row.of, row.phase, *tell(row))

    with board.reading() as connection:
        events = [
            *told(entered, submissions.c.phase, lambda row: ("submission", row.name, row.id)),
            *told(scored, submissions.c.phase, lambda row: ("run", _score(row), row.submission)),
            *told(withdrawn, submissions.c.phase, _withdrawal),
            *told(marked, marks.c.phase, _mark),
        ]
    return sorted(events, key=lambda event: event.at)


def _withdrawal(row: Any) -> _Told:
    return "withdraw" if row.withdrawn else "reinstate", row.reason, row.submission


def _mark(row: Any) -> _Told:
    return "strike" if row.struck else "restore", row.reason, None


def _score(row: Any) -> str:
    found = "no score" if row.value is None else f"{row.value:.6f}"
    by = f"{row.name} {row.version} ({row.digest:.12})"
    return f"{found} by {by}, engine {row.engine or 'unknown'}"
