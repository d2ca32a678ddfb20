"""An SQLite file that threads and processes share, and what its failures mean to people."""

import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gpu_metrics.errors import EngineError

_LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED")
# the last is what a table of another form gives
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR")


@dataclass(frozen=True, slots=True)
class Failures:
    """The error that tells of a failure, what the file is called, and the way out of each."""

    kind: type[EngineError]
    what: str
    locked: str
    damaged: str
    refused: str


class SqliteFile:
    """A file with a journal, one connection to it, and one thread at a time that uses it.

    What was committed survives a kill of the process; a power cut, too, where `durable`.

    Args:
        path: The file, made if absent, on a local disk.
        patience: Seconds to wait for another process that writes.
        durable: Whether a commit waits for the disk.
        failures: What is raised when something fails, here and inside of `reading` and `writing`.
    """

    def __init__(self, path: Path, *, patience: float, durable: bool, failures: Failures) -> None:
        self.path = path
        self._patience, self._failures = patience, failures
        self._lock = threading.Lock()
        with self._told():
            self._connection = sqlite3.connect(
                path, timeout=patience, check_same_thread=False, isolation_level=None
            )
            # what is no text any more shall meet its checksum, not a decoder
            self._connection.text_factory = partial(str, encoding="utf-8", errors="replace")
            self._closing = weakref.finalize(self, self._connection.close)
        try:
            with self.reading() as rows:
                self._keep_a_journal(rows)
                rows.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file; it cannot be used any more."""
        with self._lock:
            self._closing()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone."""
        with self._lock, self._told():
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other writer shares: all of it is kept, or nothing."""
        with self.reading() as rows:
            rows.execute("BEGIN IMMEDIATE")
            try:
                yield rows
                rows.execute("COMMIT")
            except BaseException:
                # a full disk has rolled back already
                if rows.in_transaction:
                    rows.execute("ROLLBACK")
                raise

    def damaged(self, why: str) -> EngineError:
        """The error that tells of damage."""
        failures = self._failures
        return failures.kind(
            f"{self.path}: damaged, or no {failures.what} ({why}); {failures.damaged}"
        )

    def _keep_a_journal(self, rows: sqlite3.Connection) -> None:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                rows.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                # this statement alone does not wait for others that open a new file, too
                if not error.sqlite_errorname.startswith(_LOCKED) or time.monotonic() > deadline:
                    raise
            time.sleep(0.01)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what SQLite raises into a sentence with a way out."""
        try:
            yield
        # where the table's own text is damaged, its message is none either
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> EngineError:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(_LOCKED):
            return self._failures.kind(
                f"{self.path}: another process has kept it locked for {self._patience:g} s; "
                f"{self._failures.locked}"
            )
        if name.startswith(_DAMAGED) or isinstance(error, UnicodeDecodeError):
            return self.damaged(str(error))
        return self._failures.kind(f"{self.path}: {self._failures.refused.format(error=error)}")
