"""The answers of one submission by id: from JSON lines, a zip file or folder of them, or a dict."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_metrics.catalog import did_you_mean
from gpu_metrics.errors import EngineError, InputError, SubmissionError
from gpu_metrics.intake.entries import open_entries
from gpu_metrics.intake.listing import Limits
from gpu_metrics.names import printable
from gpu_metrics.piqa.lines import id_of, json_lines, text_of

Source = str | Path | Mapping[str, str]

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_ENDING = ".jsonl"
_LIMITS = Limits(files=1_000, file_bytes=64 * 2**20, total_bytes=256 * 2**20)


@dataclass(frozen=True, slots=True)
class Responses:
    """What a model wrote about each pair, by id, and where each stands.

    `remarks` tell what was passed over; `sha256` is over ids and texts, whatever their order.
    """

    texts: Mapping[str, str]
    places: Mapping[str, str]
    remarks: tuple[str, ...]
    sha256: str

    def sha256_of(self, id_: str) -> str:
        """SHA-256 of one response."""
        return hashlib.sha256(self.texts[id_].encode()).hexdigest()


def load_responses(source: Source, expected: Collection[str]) -> Responses:
    """The responses to every pair of a set.

    Args:
        source: A file of JSON lines `{"id": ..., "response": ...}`, a zip file or a folder of
            such files (`.jsonl`), or texts by id. Other keys of a line are passed over.
        expected: Ids of the set; each must be answered once.

    Raises:
        SubmissionError: Answers are missing, too many, double or damaged; all faults are listed.
        EngineError: The file or folder cannot be read.
    """
    texts: dict[str, str] = {}
    places: dict[str, str] = {}
    problems: list[str] = []
    remarks: list[str] = []
    for place, record in _records(source, problems, remarks):
        try:
            if isinstance(record, InputError):
                raise record
            id_, text = id_of(record), text_of(record, "response")
        except InputError as error:
            problems.append(f"{place}: {error}")
            continue
        if id_ in texts:
            problems.append(f"{place}: {printable(id_)} is answered in {places[id_]}, too")
        texts[id_], places[id_] = text, place
    problems += _mismatches(places, expected)
    if problems:
        found = sum(id_ in texts for id_ in expected)
        summary = f"the answers do not match the set ({found} of {len(expected)} found):"
        raise SubmissionError(summary, problems)
    return Responses(texts, places, tuple(remarks), digest(texts))


def digest(texts: Mapping[str, str]) -> str:
    """SHA-256 over ids and texts in the order of ids."""
    total = hashlib.sha256()
    for id_ in sorted(texts):
        for part in (id_, texts[id_]):
            data = part.encode()
            total.update(len(data).to_bytes(8, "little") + data)
    return total.hexdigest()


def _records(
    source: Source, problems: list[str], remarks: list[str]
) -> Iterator[tuple[str, dict[str, Any] | InputError]]:
    if isinstance(source, Mapping):
        for id_, text in source.items():
            yield "the answers", {"id": id_, "response": text}
        return
    for file, data in _files(Path(source), problems, remarks):
        yield from json_lines(data, file)


def _files(path: Path, problems: list[str], remarks: list[str]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file of answers; what cannot be read goes to `problems`."""
    title = printable(path.name)
    if not path.is_dir() and (data := _plain_file(path, title)) is not None:
        yield title, data
        return
    with open_entries(path, limits=_LIMITS) as entries:
        remarks += entries.remarks
        if not any(name.lower().endswith(_ENDING) for name in entries.names):
            problems.append(f"no file of answers; expected one that ends in {_ENDING}")
        for name in entries.names:
            shown = printable(name)
            if not name.lower().endswith(_ENDING):
                remarks.append(f"{shown}: passed over, not {_ENDING} by its name")
                continue
            try:
                yield shown, entries.read(name)
            except InputError as error:
                problems.append(f"{shown}: {error}")


def _plain_file(path: Path, title: str) -> bytes | None:
    """The bytes of a file, None where it begins as zip files do."""
    if not path.is_file():
        got = "something else" if path.exists() else "nothing of that name"
        raise SubmissionError(f"{title}: expected a file or folder of JSON lines, got {got}")
    try:
        with path.open("rb") as file:
            data = file.read(_LIMITS.file_bytes + 1)
    except OSError as error:
        raise EngineError(f"{title}: cannot be read: {error.strerror}") from error
    if data.startswith(_ZIP):
        return None
    if len(data) > _LIMITS.file_bytes:
        raise SubmissionError(
            f"{title}: larger than the {_LIMITS.file_bytes:,} bytes that are read"
        )
    return data


def _mismatches(given: Collection[str], expected: Collection[str]) -> Iterator[str]:
    missing = sorted(set(expected).difference(given))
    extra = sorted(set(given).difference(expected))
    # the nearest of many ids takes long to find, and would help nobody
    near = extra if len(missing) * len(extra) <= 10_000 else []
    for id_ in missing:
        yield f"{printable(id_)}: missing{did_you_mean(id_, near)}"
    for id_ in extra:
        yield f"{printable(id_)}: no pair of the set is called so"
