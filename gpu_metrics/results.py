"""The run record: everything one scoring run found, as JSON and as a table of images."""

import csv
import io
import json
import math
import os
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from gpu_metrics.errors import EngineError, InputError

SCHEMA_VERSION = 1

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class ProfileStamp:
    """Which rules a run was scored by; runs compare only under equal digests."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One scored image: a value per measure (None: not scored) and the pixels of each region."""

    id: str
    values: Mapping[str, float | None]
    pixels: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Rejection:
    """One image that could not be scored, and why, in words its author may read."""

    id: str
    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Count:
    """How many images a mean rests on, and how many it leaves out."""

    scored: int
    not_scored: int


@dataclass(frozen=True, slots=True)
class Run:
    """The record of one submission scored by one profile.

    `scores` holds `total` and every other named value of the formula; `means` the measures. A
    `partial` run has rejected images, or answers that a judge did not score: its means cover the
    rest and its scores are all None, so it can never be ranked.
    """

    profile: ProfileStamp
    submission: str
    status: Literal["complete", "partial"]
    scores: Mapping[str, float | None]
    means: Mapping[str, float | None]
    counts: Mapping[str, Count]
    images: tuple[ImageRow, ...]
    rejected: tuple[Rejection, ...] = ()
    warnings: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """The record as JSON text; finite numbers only, None as null."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the record as JSON, whole or not at all."""
        write_atomically(Path(path), self.to_json())

    def save_table(self, path: str | Path) -> None:
        """Write one line per image as CSV, whole or not at all; blank where not scored."""
        write_atomically(Path(path), self.to_csv())

    def to_csv(self) -> str:
        """One line per image: id, every measure with all its digits, the reason of a rejection."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        measures = list(self.images[0].values if self.images else self.means)
        writer.writerow(["id", *measures, "rejected"])
        for row in self.images:
            values = ["" if v is None else repr(v) for v in row.values.values()]
            writer.writerow([cell(row.id), *values, ""])
        for rejection in self.rejected:
            writer.writerow([cell(rejection.id), *[""] * len(measures), cell(rejection.reason)])
        return text.getvalue()

    @classmethod
    def load(cls, path: str | Path) -> "Run":
        """Read a record; InputError where the file is none, or of another schema."""
        try:
            return cls.from_json(Path(path).read_text("utf-8"))
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        except (UnicodeDecodeError, InputError) as error:
            raise InputError(f"{path}: {error}") from error

    @classmethod
    def from_json(cls, text: str) -> "Run":
        """The record of JSON text written by `to_json`; InputError where it is none."""
        try:
            record = json.loads(text, parse_float=_finite, parse_constant=_finite)
        except (ValueError, RecursionError) as error:
            raise InputError(f"expected a run record in JSON: {error}") from error
        version = record.get("schema_version") if isinstance(record, dict) else None
        if version != SCHEMA_VERSION:
            raise InputError(f"schema_version: expected {SCHEMA_VERSION}, got {version!r}")
        _check_keys(cls, record, "run record")
        try:
            run = cls(
                **record
                | {
                    "profile": _made(ProfileStamp, record["profile"], "profile"),
                    "counts": {
                        name: _made(Count, item, f"counts of {name}")
                        for name, item in record["counts"].items()
                    },
                    "images": tuple(_made(ImageRow, item, "images") for item in record["images"]),
                    "rejected": tuple(
                        _made(Rejection, item, "rejected") for item in record["rejected"]
                    ),
                    "warnings": tuple(record["warnings"]),
                }
            )
            for numbers in (run.scores, run.means, *(row.values for row in run.images)):
                _check_numbers(numbers)
        except (AttributeError, TypeError) as error:
            raise InputError(f"expected a run record: {error}") from error
        return run


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a crash leaves the old one or the new one, never half of it.

    What is no regular file, as /dev/null, is written to and never replaced.
    """
    # a link keeps its place, and the file it points to is replaced
    path = path.resolve()
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8", newline="")
        else:
            _replace(path, text)
    except OSError as error:
        raise EngineError(f"{path}: cannot be written: {error.strerror or error}") from error


def cell(text: str) -> str:
    """Text that a spreadsheet takes for text: never a formula, never a second line."""
    line = " ".join(text.split())
    return f"'{line}" if line[:1] in ("=", "+", "-", "@") else line


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with part.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _finite(number: str) -> float:
    if not math.isfinite(value := float(number)):
        raise ValueError(f"expected finite numbers, got {number}")
    return value


def _made(kind: type[Part], item: Any, where: str) -> Part:
    _check_keys(kind, item, where)
    return kind(**item)


def _check_keys(kind: type, item: Any, where: str) -> None:
    expected = [entry.name for entry in fields(kind)]
    if not isinstance(item, dict) or item.keys() != set(expected):
        got = ", ".join(item) if isinstance(item, dict) else f"{item!r:.40}"
        raise InputError(f"{where}: expected {', '.join(expected)}, got {got}")


def _check_numbers(table: Mapping[str, float | None]) -> None:
    for name, value in table.items():
        if value is not None and type(value) not in (int, float):
            raise InputError(f"{name}: expected a number or null, got {value!r:.40}")
