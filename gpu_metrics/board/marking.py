"""What a host says of teams and submissions; nothing is erased by it, and it can be unsaid."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, insert, select

from gpu_metrics.board.insertion import line
from gpu_metrics.board.schema import marks, stamp, submissions, teams, withdrawals
from gpu_metrics.catalog import did_you_mean
from gpu_metrics.errors import InputError


def mark_team(connection: Connection, team: str, phase: str, *, struck: bool, reason: str) -> bool:
    """Strike out a team's details in a phase, or restore them; False where that was so before."""
    entered = select(submissions.c.team).where(submissions.c.phase == phase)
    found = connection.execute(select(teams).where(teams.c.id.in_(entered)))
    known = {row.name: row.id for row in found}
    if team not in known:
        raise InputError(
            f"team: {team!r} has no submission in {phase!r}{did_you_mean(team, known)}"
        )
    place = {marks.c.team: known[team], marks.c.phase: phase}
    return _mark(connection, marks, place, marks.c.struck, struck, reason)


def mark_submission(connection: Connection, number: int, *, withdrawn: bool, reason: str) -> bool:
    """Withdraw a submission, or reinstate it; False where that was so before."""
    if connection.scalar(select(submissions.c.id).where(submissions.c.id == number)) is None:
        raise InputError(
            f"submission: there is none of number {number}; the history of the board tells them"
        )
    place = {withdrawals.c.submission: number}
    return _mark(connection, withdrawals, place, withdrawals.c.withdrawn, withdrawn, reason)


def why_withdrawn(connection: Connection, number: int) -> str | None:
    """Why a submission is withdrawn; None where it counts."""
    said = connection.execute(
        select(withdrawals)
        .where(withdrawals.c.submission == number)
        .order_by(withdrawals.c.id.desc())
        .limit(1)
    ).one_or_none()
    return said.reason if said and said.withdrawn else None


def _mark(
    connection: Connection,
    table: Table,
    place: dict[Column[Any], Any],
    column: Column[Any],
    value: bool,
    reason: str,
) -> bool:
    """Append a row for a place unless the newest one there says the same; at first all is False."""
    reason = line("reason", reason, longest=1000)
    newest = select(column).where(*(key == of for key, of in place.items()))
    before = connection.scalar(newest.order_by(table.c.id.desc()).limit(1))
    if bool(before) is value:
        return False
    now = {table.c.at: stamp(datetime.now(UTC)), table.c.reason: reason, column: value}
    connection.execute(insert(table).values(place | now))
    return True
