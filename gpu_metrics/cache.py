"""Rows of images that were measured before, in a file that any number of processes may share."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from gpu_metrics.errors import CacheError
from gpu_metrics.profiles import Profile
from gpu_metrics.sqlite_file import Failures, SqliteFile
from gpu_metrics.versions import installed_version

# part of every fingerprint: raise it when the meaning of a stored row changes
SCHEMA = 1
FILE = "rows.sqlite"

# whatever decodes, computes or carries kernels; absent ones count as absent
_LIBRARIES = (
    *("torch", "numpy", "kornia", "numba", "cupy-cuda12x", "cupy-cuda13x"),
    *("opencv-python-headless", "opencv-python", "imgread", "pillow"),
)
_FAILURES = Failures(
    CacheError,
    "cache of rows",
    locked="wait until that one is done, or name another folder",
    damaged="delete it, and its rows are computed again",
    refused="cannot be used ({error}); make room, or name a folder of a local disk that can be "
    "written",
)


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
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CacheError(f"{folder}: cannot be made: {error.strerror}") from error
        # a killed process loses nothing, a power cut at most the last rows
        self._file = SqliteFile(self.path, patience=patience, durable=False, failures=_FAILURES)
        with self._file.reading() as rows:
            rows.execute(
                "CREATE TABLE IF NOT EXISTS rows"
                " (key TEXT PRIMARY KEY, row TEXT NOT NULL, sha256 TEXT NOT NULL) WITHOUT ROWID"
            )

    def get_many(self, keys: Iterable[str]) -> dict[str, CachedRow]:
        """The rows that are known, by key; keys of no row are left out."""
        query = "SELECT row, sha256 FROM rows WHERE key = ?"
        with self._file.reading() as rows:
            found = {key: rows.execute(query, (key,)).fetchone() for key in keys}
        return {key: self._checked(key, *stored) for key, stored in found.items() if stored}

    def put(self, rows: Mapping[str, CachedRow]) -> None:
        """Keep rows by key, all of them or none; a key that is known keeps its row."""
        texts = {key: json.dumps(asdict(row), allow_nan=False) for key, row in rows.items()}
        entries = [(key, text, _checksum(key, text)) for key, text in texts.items()]
        with self._file.writing() as table:
            table.executemany("INSERT OR IGNORE INTO rows VALUES (?, ?, ?)", entries)

    def close(self) -> None:
        """Let go of the file; the cache cannot be used any more."""
        self._file.close()

    def __enter__(self) -> "RowCache":
        """The cache itself; it is closed at the end."""
        return self

    def __exit__(self, *reason: object) -> None:
        """Close the cache."""
        self.close()

    def _checked(self, key: str, text: str, sha256: str) -> CachedRow:
        if _checksum(key, text) != sha256:
            raise self._file.damaged(f"the row {key:.12} does not match its checksum")
        row = json.loads(text)
        return CachedRow(row["values"], row["decoder"], tuple(row["notes"]))


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
