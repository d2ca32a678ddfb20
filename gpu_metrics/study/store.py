"""The ballots of a study in a file that only grows."""

import hashlib
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from gpu_metrics.errors import EngineError, InputError
from gpu_metrics.sqlite_file import Failures, SqliteFile
from gpu_metrics.study.ballots import Ballot, Cast, check_ballot
from gpu_metrics.study.manifest import Manifest
from gpu_metrics.study.progress import Progress

_LAYOUT = (
    "CREATE TABLE IF NOT EXISTS study (manifest TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS ballots (juror TEXT NOT NULL, screen TEXT NOT NULL,"
    " ballot TEXT NOT NULL, received TEXT NOT NULL, sha256 TEXT NOT NULL,"
    " PRIMARY KEY (juror, screen)) WITHOUT ROWID",
    "CREATE TRIGGER IF NOT EXISTS never_changed BEFORE UPDATE ON ballots"
    " BEGIN SELECT RAISE(ABORT, 'a ballot is never changed'); END",
    "CREATE TRIGGER IF NOT EXISTS never_removed BEFORE DELETE ON ballots"
    " BEGIN SELECT RAISE(ABORT, 'a ballot is never removed'); END",
)
_ROWS = "SELECT juror, screen, ballot, received, sha256 FROM ballots"


class BallotsError(EngineError):
    """Ballots cannot be read or kept; those that were acknowledged are safe."""


class AlreadyCast(InputError):
    """A juror has cast another ballot on this screen."""


_FAILURES = Failures(
    BallotsError,
    "file of ballots",
    locked="nothing was added, try again when that one is done",
    damaged="restore it from a copy",
    refused="nothing was added, all that is there is intact ({error}); make room on a local disk "
    "that can be written, and try again",
)


class BallotStore:
    """Ballots by juror and screen, in an SQLite file on a local disk that belongs to one study.

    Any number of threads and processes may use it at once. A ballot whose `cast` has returned is
    there after a kill of the process or a power cut; one whose `cast` has not is there whole or
    not at all. Every row is stored with a checksum: what is damaged is told, never passed over.

    Args:
        path: The file, made if absent.
        manifest: The study; a file with ballots of another is refused.
        patience: Seconds to wait for another process that writes.

    Raises:
        InputError: The file belongs to another study.
        BallotsError: The file cannot be read or written, or is damaged; from any method.
    """

    def __init__(self, path: str | Path, manifest: Manifest, *, patience: float = 60.0) -> None:
        self.path, self.manifest = Path(path), manifest
        self._file = SqliteFile(self.path, patience=patience, durable=True, failures=_FAILURES)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def cast(self, juror: str, ballot: Ballot) -> bool:
        """Keep a ballot; False where the very same was there.

        Raises:
            InputError: The ballot does not answer what the juror was shown.
            AlreadyCast: Another ballot of this juror on this screen is there.
        """
        return self.cast_all(juror, [ballot]) == 1

    def cast_all(self, juror: str, ballots: Iterable[Ballot]) -> int:
        """Keep all of a juror's ballots or, where one is refused as by `cast`, none.

        Returns:
            How many are new.
        """
        ballots = list(ballots)
        for ballot in ballots:
            check_ballot(ballot, juror, self.manifest)
        with self._file.writing() as rows:
            return sum(self._keep(rows, juror, ballot) for ballot in ballots)

    def all(self) -> list[Cast]:
        """All ballots, in the order in which they were received."""
        with self._file.reading() as rows:
            found = rows.execute(f"{_ROWS} ORDER BY received, juror, screen").fetchall()
        return [self._checked(row) for row in found]

    def of(self, juror: str) -> list[Cast]:
        """The ballots of one juror, in the order in which they were received."""
        query = f"{_ROWS} WHERE juror = ? ORDER BY received, screen"
        with self._file.reading() as rows:
            found = rows.execute(query, (juror,)).fetchall()
        return [self._checked(row) for row in found]

    def progress(self) -> list[Progress]:
        """How far each juror is, in the order of the seats."""
        return [
            Progress.of(juror, self.of(juror), total=len(seat.showings))
            for juror, seat in self.manifest.seats.items()
        ]

    def close(self) -> None:
        """Let go of the file; the store cannot be used any more."""
        self._file.close()

    def __enter__(self) -> "BallotStore":
        """The store itself; it is closed at the end."""
        return self

    def __exit__(self, *reason: object) -> None:
        """Close the store."""
        self.close()

    def _prepare(self) -> None:
        with self._file.reading() as rows:
            # what is kept is in the file itself soon: a copy of it needs no journal beside it
            rows.execute("PRAGMA wal_autocheckpoint = 1")
            [found] = rows.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                raise self._file.damaged(found)
        with self._file.writing() as rows:
            for statement in _LAYOUT:
                rows.execute(statement)
            bound = rows.execute("SELECT manifest FROM study").fetchone()
            if bound is None:
                rows.execute("INSERT INTO study VALUES (?)", (self.manifest.sha256,))
            elif bound != (self.manifest.sha256,):
                raise InputError(
                    f"{self.path}: holds ballots of another study (manifest {bound[0]!s:.12}, this "
                    f"one is {self.manifest.sha256:.12}); put back the manifest it was made with"
                )

    def _keep(self, rows: sqlite3.Connection, juror: str, ballot: Ballot) -> bool:
        known = rows.execute(f"{_ROWS} WHERE juror = ? AND screen = ?", (juror, ballot.screen))
        if found := known.fetchone():
            if self._checked(found).ballot != ballot:
                raise AlreadyCast(f"screen {ballot.screen}: another ballot was cast already")
            return False
        row = juror, ballot.screen, ballot.model_dump_json(), _now()
        rows.execute("INSERT INTO ballots VALUES (?, ?, ?, ?, ?)", (*row, _checksum(row)))
        return True

    def _checked(self, row: tuple[str, str, str, str, str]) -> Cast:
        juror, screen, ballot, received, sha256 = row
        if _checksum(row[:-1]) != sha256:
            raise self._file.damaged("a ballot does not match its checksum")
        return Cast(juror=juror, ballot=Ballot.parse(ballot, where=screen), received=received)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _checksum(row: Iterable[str]) -> str:
    # damage may have made a number of a text
    return hashlib.sha256("\n".join(map(str, row)).encode()).hexdigest()
