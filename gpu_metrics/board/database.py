"""Connections to the database of a board, and what its failures mean to people."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from gpu_metrics.board.schema import SCHEMA, board, metadata
from gpu_metrics.errors import EngineError, InputError

# any number, the same for every writer of a PostgreSQL board
_WRITERS = 2026_03_18


class BoardError(EngineError):
    """The database cannot be read or written; what it holds already is safe."""


class Database:
    """A board's database: an SQLite file, or what a URL of SQLite or PostgreSQL names.

    There is one writer at a time, and readers see what was there when they began. What was
    committed survives a killed process and a power cut.

    Args:
        place: A path, `sqlite:///FILE` or `postgresql://USER@HOST/NAME`.
        create: Whether to make a board where there is none.
        patience: Seconds to wait for another process that writes.

    Raises:
        InputError: There is no board, or it was made by a newer release. One of an older release
            is brought to the layout of this one.
        BoardError: The database cannot be opened; from any method, if it fails later.
    """

    def __init__(self, place: str | Path, *, create: bool = False, patience: float = 60.0) -> None:
        url = _url(place)
        self.name = url.render_as_string(hide_password=True).removeprefix("sqlite:///")
        self._patience = patience
        self._file = url.database if url.get_backend_name() == "sqlite" else None
        if self._file is not None and not create and not Path(self._file).exists():
            raise InputError(f"{self.name}: no such board; `gpu-metrics board add` makes one")
        self._engine = _engine(url, patience)
        try:
            with self._told():
                self._prepare(create)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the board."""
        level = {} if self._file else {"isolation_level": "REPEATABLE READ"}
        with self._told(), self._engine.connect() as connection:
            with connection.execution_options(**level).begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that no other writer shares: all of it is kept, or nothing."""
        with self._told(), self._engine.connect() as connection:
            with connection.execution_options(begin="BEGIN IMMEDIATE").begin():
                if self._file is None:
                    patience = f"SET LOCAL lock_timeout = {int(1000 * self._patience)}"
                    connection.exec_driver_sql(patience)
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")
                yield connection

    def _prepare(self, create: bool) -> None:
        if create:
            if self._file is not None:
                self._keep_a_journal()
            with self.writing() as connection:
                if not inspect(connection).has_table(board.name):
                    metadata.create_all(connection)
                    connection.execute(insert(board).values(schema_version=SCHEMA))
        with self.reading() as connection:
            if not inspect(connection).has_table(board.name):
                raise InputError(f"{self.name}: holds no board; `gpu-metrics board add` makes one")
            version = connection.execute(select(board.c.schema_version)).scalar_one()
        if version < SCHEMA:
            # so far layouts have only gained tables
            with self.writing() as connection:
                metadata.create_all(connection)
                connection.execute(update(board).values(schema_version=SCHEMA))
        elif version > SCHEMA:
            raise InputError(
                f"{self.name}: its layout is number {version}, this release knows number {SCHEMA}; "
                "use the release that made it, or a newer one"
            )

    def _keep_a_journal(self) -> None:
        deadline = time.monotonic() + self._patience
        while True:
            with self._engine.connect() as connection:
                outside = connection.execution_options(begin=None)
                try:
                    outside.exec_driver_sql("PRAGMA journal_mode = WAL")
                    return
                except DBAPIError as error:
                    # this statement alone does not wait for others that open a new file, too
                    if not _locked(error.orig) or time.monotonic() > deadline:
                        raise
            time.sleep(0.01)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the database raises into a sentence with a way out."""
        try:
            yield
        except DBAPIError as error:
            raise BoardError(f"{self.name}: {self._sentence(error.orig)}") from error

    def _sentence(self, error: BaseException | None) -> str:
        code = _code(error)
        said = " ".join(str(error).split())
        if _locked(error):
            return (
                f"another process has kept it locked for {self._patience:g} s; nothing was added, "
                "try again when that one is done"
            )
        if code in ("SQLITE_FULL", "53100"):
            return (
                "the disk is full; nothing was added and all that is there is intact; make room "
                "and try again"
            )
        if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return f"damaged, or no board ({said}); restore it from a copy or an export"
        return f"cannot be used ({said})"


def _url(place: str | Path) -> URL:
    if "://" not in str(place):
        return URL.create("sqlite", database=str(place))
    try:
        url = make_url(str(place))
    except (ArgumentError, ValueError):
        url = None
    backend = url.get_backend_name() if url else ""
    if url and backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if url and backend == "sqlite" and url.database:
        return url
    # the text is not shown: it may hold a password
    raise InputError("expected a file, sqlite:///FILE or postgresql://USER@HOST/NAME as the board")


def _engine(url: URL, patience: float) -> Engine:
    if url.get_backend_name() == "postgresql":
        try:
            return create_engine(url)
        except ModuleNotFoundError:
            raise InputError(
                "PostgreSQL needs psycopg: pip install 'gpu-metrics[postgres]'"
            ) from None
    engine = create_engine(url, connect_args={"timeout": patience})

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        # transactions are begun below, not guessed from statements
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        if statement := connection.get_execution_options().get("begin", "BEGIN"):
            connection.exec_driver_sql(statement)

    return engine


def _code(error: BaseException | None) -> str:
    """The name that SQLite, or the number that PostgreSQL gives a failure."""
    return getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None) or ""


def _locked(error: BaseException | None) -> bool:
    return _code(error).startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "55P03"))
