"""The append-only store of a board: submissions, runs, rows of images, and the host's marks."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from gpu_metrics.board.database import Database
from gpu_metrics.board.insertion import Added, files_sha256, insert_run, insert_submission
from gpu_metrics.board.marking import mark_submission, mark_team, why_withdrawn
from gpu_metrics.board.schema import images, runs, submissions
from gpu_metrics.errors import InputError
from gpu_metrics.profiles import Profile
from gpu_metrics.results import Run
from gpu_metrics.score import Row


class Board:
    """A board that only grows: nothing that was added is ever changed or removed.

    Args:
        place: An SQLite file, or the URL of a database; see `Database`, also for what it raises.
        create: Whether to make a board where there is none.
        patience: Seconds to wait for another process that writes.
    """

    def __init__(self, place: str | Path, *, create: bool = False, patience: float = 60.0) -> None:
        self._database = Database(place, create=create, patience=patience)
        self.reading = self._database.reading
        self.writing = self._database.writing
        self.close = self._database.close
        self.name = self._database.name

    def add(self, run: Run, profile: Profile, *, team: str, phase: str, at: datetime) -> Added:
        """Keep the run of a new submission, all of it or nothing.

        The same record of the same team in the same phase is not added twice, whatever `at` says.

        Args:
            run: The record, which may be partial: then it is history and never ranks.
            profile: The rules it was scored by; their text is kept, too.
            team, phase: Names on one line, up to 100 characters; new ones are made.
            at: When the submission arrived, with a time zone; ties are broken by it.

        Raises:
            InputError: The run was scored by other rules, or a name or time does not fit.
            BoardError: The database failed; nothing was added.
        """
        with self.writing() as connection:
            return insert_submission(
                connection, run, profile, team=team, phase=phase, at=at, added_at=datetime.now(UTC)
            )

    def rescore(self, run: Run, profile: Profile, *, phase: str) -> tuple[Added, ...]:
        """Append another run to the submissions of a phase that consist of the same files.

        The run may be by another profile or engine; the newest run of a profile counts. Nothing
        is appended where the very same record is there already.

        Raises:
            InputError: No submission has these files, or the record does not tell its files.
        """
        if (files := files_sha256(run)) is None:
            raise InputError(f"{run.submission}: the record holds no hashes of its files")
        with self.writing() as connection:
            found = connection.scalars(
                select(submissions.c.id)
                .where(submissions.c.phase == phase, submissions.c.files_sha256 == files)
                .order_by(submissions.c.id)
            ).all()
            if not found:
                raise InputError(f"{run.submission}: no submission of {phase!r} has these files")
            now = datetime.now(UTC)
            return tuple(
                Added(known, insert_run(connection, known, run, profile, added_at=now))
                for known in found
            )

    def strike(self, team: str, phase: str, *, reason: str) -> bool:
        """Strike out a team's details in a phase; False where they are struck out already."""
        with self.writing() as connection:
            return mark_team(connection, team, phase, struck=True, reason=reason)

    def restore(self, team: str, phase: str, *, reason: str) -> bool:
        """Undo `strike`, of which the history stays; False where there is nothing to undo."""
        with self.writing() as connection:
            return mark_team(connection, team, phase, struck=False, reason=reason)

    def withdraw(self, submission: int, *, reason: str) -> bool:
        """Let a submission rank no more, by its number; False where it is withdrawn already."""
        with self.writing() as connection:
            return mark_submission(connection, submission, withdrawn=True, reason=reason)

    def reinstate(self, submission: int, *, reason: str) -> bool:
        """Undo `withdraw`, of which the history stays; False where there is nothing to undo."""
        with self.writing() as connection:
            return mark_submission(connection, submission, withdrawn=False, reason=reason)

    def why_withdrawn(self, submission: int) -> str | None:
        """Why a submission is withdrawn; None where it counts."""
        with self.reading() as connection:
            return why_withdrawn(connection, submission)

    def run(self, run: int) -> Run:
        """The record of a run, equal to the one that was added."""
        with self.reading() as connection:
            return Run.from_json(json.dumps(record(connection, run)))

    def rows(self, chosen: Iterable[int]) -> dict[int, list[Row]]:
        """The rows of images of some runs."""
        found: dict[int, list[Row]] = {run: [] for run in chosen}
        with self.reading() as connection:
            for run, text in _rows(connection, list(found)):
                row = json.loads(text)
                found[run].append((row["id"], row["values"], row["pixels"]))
        return found


@contextmanager
def opened(place: str | Path, *, create: bool = False) -> Iterator[Board]:
    """A board that is closed at the end."""
    board = Board(place, create=create)
    try:
        yield board
    finally:
        board.close()


def record(connection: Connection, run: int) -> dict[str, Any]:
    """The record of a run as plain data."""
    columns = select(runs.c.numbers, runs.c.rest).where(runs.c.id == run)
    numbers, rest = connection.execute(columns).one()
    rows = [json.loads(row) for _, row in _rows(connection, [run])]
    return {**json.loads(rest), **json.loads(numbers), "images": rows}


def _rows(connection: Connection, chosen: list[int]) -> Iterator[tuple[int, str]]:
    query = select(images.c.run, images.c.row).where(images.c.run.in_(chosen))
    for row in connection.execute(query.order_by(images.c.run, images.c.position)):
        yield row.run, row.row
