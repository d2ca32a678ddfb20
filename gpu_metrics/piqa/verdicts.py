"""Verdicts of a judge that were paid for, kept in a file by what was asked."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gpu_metrics.errors import EngineError

SCHEMA = 1


class Verdicts:
    """Scores by key in an SQLite file, made if absent; several processes may share it.

    Args:
        path: The file, or ":memory:" for one that ends with the program.

    Raises:
        EngineError: The file cannot be read or written, or is of another kind; from any method.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        with self._told():
            if self._path != ":memory:":
                Path(self._path).parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, SCHEMA):
                raise EngineError(f"{path}: verdicts of another release; name another file")
            if version == 0:
                self._connection.executescript(
                    "CREATE TABLE IF NOT EXISTS verdicts "
                    "(key TEXT PRIMARY KEY, score INTEGER NOT NULL);"
                    f"PRAGMA user_version = {SCHEMA}"
                )

    def __enter__(self) -> "Verdicts":
        """These verdicts, whose file the end of the `with` statement closes."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the file."""
        self._connection.close()

    def known(self, keys: Iterable[str]) -> dict[str, int]:
        """The scores there are."""
        found = {}
        with self._told():
            for key in keys:
                query = "SELECT score FROM verdicts WHERE key = ?"
                if row := self._connection.execute(query, (key,)).fetchone():
                    found[key] = int(row[0])
        return found

    def keep(self, key: str, score: int) -> None:
        """Store a score; it is there after the process is killed."""
        with self._told():
            self._connection.execute("INSERT OR REPLACE INTO verdicts VALUES (?, ?)", (key, score))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise EngineError(
                f"{self._path}: verdicts cannot be kept there: {error}; name another file"
            ) from error
