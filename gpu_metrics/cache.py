"""Rows of images that were measured before, in a file that any number of processes may share."""

import hashlib
import json
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache, partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from gpu_metrics.errors import CacheError
from gpu_metrics.profiles import Profile
from gpu_metrics.versions import installed_version

# part of every fingerprint: raise it when the meaning of a stored row changes
SCHEMA = 1
FILE = "rows.sqlite"

# whatever decodes, computes or carries kernels; absent ones count as absent
_LIBRARIES = (
    *("torch", "numpy", "kornia", "numba", "cupy-cuda12x", "cupy-cuda13x"),
    *("opencv-python-headless", "opencv-python", "imgread", "pillow"),
)
_LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED")
# the last is what a table of another form gives
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR")


@dataclass(frozen=True, slots=True)
class CachedRow:
    """What is known of one image: its measures (None: not scored) and how it was decoded."""

    values: Mapping[str, float | None]
    decoder: str = ""
    notes: tuple[str, ...] = ()


class RowCache:
    """Rows by key, kept in `rows.sqlite` of a folder on a local disk.

    Any number of threads and processes may read and write at once. A row that was put is there
    after the process is killed; values come back with the bits they had. What is damaged is never
    served: every row is stored with a checksum.

    Args:
        folder: Where the file lies; made if absent.
        patience: Seconds to wait for another process that writes.

    Raises:
        CacheError: The file cannot be read or written, is damaged, or stays locked; from any
            method. It names the file and the way out.
    """

    def __init__(self, folder: str | Path, *, patience: float = 60.0) -> None:
        self.path = Path(folder) / FILE
        self._patience = patience
        self._lock = threading.Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CacheError(f"{folder}: cannot be made: {error.strerror}") from error
        with self._told():
            self._connection = sqlite3.connect(
                self.path, timeout=patience, check_same_thread=False, isolation_level=None
            )
            # what is no text any more shall meet its checksum, not a decoder
            self._connection.text_factory = partial(str, encoding="utf-8", errors="replace")
            self._closing = weakref.finalize(self, self._connection.close)
        with self._opened() as rows:
            # a killed process loses nothing, a power cut at most the last rows
            self._keep_a_journal(rows)
            rows.execute("PRAGMA synchronous = NORMAL")
            rows.execute(
                "CREATE TABLE IF NOT EXISTS rows"
                " (key TEXT PRIMARY KEY, row TEXT NOT NULL, sha256 TEXT NOT NULL) WITHOUT ROWID"
            )

    def get_many(self, keys: Iterable[str]) -> dict[str, CachedRow]:
        """The rows that are known, by key; keys of no row are left out."""
        query = "SELECT row, sha256 FROM rows WHERE key = ?"
        with self._opened() as rows:
            found = {key: rows.execute(query, (key,)).fetchone() for key in keys}
        return {key: self._checked(key, *stored) for key, stored in found.items() if stored}

    def put(self, rows: Mapping[str, CachedRow]) -> None:
        """Keep rows by key, all of them or none; a key that is known keeps its row."""
        texts = {key: json.dumps(asdict(row), allow_nan=False) for key, row in rows.items()}
        entries = [(key, text, _checksum(key, text)) for key, text in texts.items()]
        with self._opened() as table:
            table.execute("BEGIN IMMEDIATE")
            try:
                table.executemany("INSERT OR IGNORE INTO rows VALUES (?, ?, ?)", entries)
                table.execute("COMMIT")
            except BaseException:
                # a full disk has rolled back already
                if table.in_transaction:
                    table.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Let go of the file; the cache cannot be used any more."""
        with self._lock:
            self._closing()

    def __enter__(self) -> "RowCache":
        """The cache itself; it is closed at the end."""
        return self

    def __exit__(self, *reason: object) -> None:
        """Close the cache."""
        self.close()

    def _checked(self, key: str, text: str, sha256: str) -> CachedRow:
        if _checksum(key, text) != sha256:
            raise CacheError(self._damaged(f"the row {key:.12} does not match its checksum"))
        row = json.loads(text)
        return CachedRow(row["values"], row["decoder"], tuple(row["notes"]))

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
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._told():
            yield self._connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what SQLite raises into a sentence with a way out."""
        try:
            yield
        # where the table's own text is damaged, its message is none either
        except (sqlite3.Error, UnicodeDecodeError) as error:
            name = getattr(error, "sqlite_errorname", "")
            if name.startswith(_LOCKED):
                message = (
                    f"{self.path}: another process has kept it locked for {self._patience:g} s; "
                    "wait until that one is done, or name another folder"
                )
            elif name.startswith(_DAMAGED) or isinstance(error, UnicodeDecodeError):
                message = self._damaged(str(error))
            else:
                message = (
                    f"{self.path}: cannot be used ({error}); make room, or name a folder of a "
                    "local disk that can be written"
                )
            raise CacheError(message) from error

    def _damaged(self, why: str) -> str:
        return (
            f"{self.path}: damaged, or no cache of rows ({why}); delete it, and its rows are "
            "computed again"
        )


def row_key(*, image: str, reference: str, rules: str, fingerprint: str) -> str:
    """The key of a row: equal only where everything is equal that its values depend on.

    Args:
        image: SHA-256 of the bytes of the submitted file.
        reference: SHA-256 of its ground truth and mask.
        rules: `rules_digest` of the profile.
        fingerprint: `fingerprint` of the engine.
    """
    return _sha256("\n".join((image, reference, rules, fingerprint)))


def rules_digest(profile: Profile) -> str:
    """SHA-256 of the rules that an image's row depends on: how it is read and what is measured.

    The formula is not among them: a profile that only composes its score anew finds its rows.
    """
    measures = [
        (m.name, m.metric, m.region, sorted(m.options.items())) for m in profile.measures.values()
    ]
    regions = [(name, str(region)) for name, region in profile.regions.items()]
    return _sha256(json.dumps([asdict(profile.images), regions, measures]))


def fingerprint(device: Mapping[str, object], weights: Mapping[str, str]) -> str:
    """SHA-256 of everything beside the images that can move a digit.

    One for all measures, although most of them do not depend on the device: a row holds the
    measures of an image together, and LPIPS does. The engine counts by its source text, since
    not every change comes with a new version.

    Args:
        device: Name of the device and the versions that belong to it.
        weights: Content hash of each network's weights.
    """
    libraries = {name: installed_version(name) for name in _LIBRARIES}
    facts = [SCHEMA, _source_sha256(), libraries, dict(device), dict(weights)]
    return _sha256(json.dumps(facts, sort_keys=True))


@cache
def _source_sha256() -> str:
    """One hash over the package's own text: modules and kernels."""
    # kernels lie inside the package or, in a working tree, beside it
    sources = {
        (path.name, hashlib.sha256(path.read_bytes()).hexdigest())
        for package in ("gpu_metrics", "gpu_metrics.kernels")
        for path in _walk(files(package))
        if path.name.endswith((".py", ".cu", ".cuh"))
    }
    return _sha256(json.dumps(sorted(sources)))


def _walk(folder: Traversable) -> Iterator[Traversable]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry)
        else:
            yield entry


def _checksum(key: str, text: str) -> str:
    return _sha256(f"{key}\n{text}")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
