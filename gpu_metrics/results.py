"""The run record: everything one scoring run found, as JSON and as a table of images."""

import csv
import io
import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from gpu_metrics.errors import InputError

SCHEMA_VERSION = 1


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
    `partial` run has rejected images: its means cover the rest and its scores are all None, so it
    can never be ranked.
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

    def save(self, path: Path) -> None:
        """Write the record as JSON, whole or not at all."""
        write_atomically(path, self.to_json())

    def save_table(self, path: Path) -> None:
        """Write one line per image as CSV, whole or not at all; blank where not scored."""
        write_atomically(path, self.to_csv())

    def to_csv(self) -> str:
        """One line per image: id, every measure with all its digits, the reason of a rejection."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        measures = list(self.images[0].values) if self.images else []
        writer.writerow(["id", *measures, "rejected"])
        for row in self.images:
            values = ["" if v is None else repr(v) for v in row.values.values()]
            writer.writerow([_cell(row.id), *values, ""])
        for rejection in self.rejected:
            writer.writerow([_cell(rejection.id), *[""] * len(measures), _cell(rejection.reason)])
        return text.getvalue()

    @classmethod
    def load(cls, path: Path) -> "Run":
        """Read a record; InputError where the file is none, or of another schema."""
        try:
            return cls.from_json(path.read_text("utf-8"))
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"{path}: expected a run record: {error}") from error

    @classmethod
    def from_json(cls, text: str) -> "Run":
        """The record of JSON text written by `to_json`."""
        record = json.loads(text)
        version = record.get("schema_version")
        if version != SCHEMA_VERSION:
            raise InputError(f"schema_version: expected {SCHEMA_VERSION}, got {version!r}")
        return cls(
            **record
            | {
                "profile": ProfileStamp(**record["profile"]),
                "counts": {name: Count(**count) for name, count in record["counts"].items()},
                "images": tuple(ImageRow(**row) for row in record["images"]),
                "rejected": tuple(Rejection(**item) for item in record["rejected"]),
                "warnings": tuple(record["warnings"]),
            }
        )


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a crash leaves the old one or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with partial.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _cell(text: str) -> str:
    """Text that a spreadsheet takes for text: never a formula, never a second line."""
    line = " ".join(text.split())
    return f"'{line}" if line[:1] in ("=", "+", "-", "@") else line
