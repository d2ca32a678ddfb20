"""JSON lines of strangers and hosts: one object a line, every fault told with its line."""

import json
from collections.abc import Iterator
from typing import Any

from gpu_metrics.errors import InputError
from gpu_metrics.names import printable

# far above any real line; a parser must not be fed without end
MOST_CHARACTERS = 200_000


def json_lines(text: bytes, file: str) -> Iterator[tuple[str, dict[str, Any] | InputError]]:
    """Each line's place, as "answers.jsonl, line 7", with its object, or with what is wrong.

    Blank lines are passed over. A byte order mark at the start and carriage returns are allowed.
    """
    # not splitlines, which also splits at marks that JSON allows inside of strings
    for number, line in enumerate(text.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            yield f"{file}, line {number}", _object(line)
        except InputError as error:
            yield f"{file}, line {number}", error


def text_of(record: dict[str, Any], key: str) -> str:
    """The text under `key`; InputError where there is none, or one that no file can hold."""
    if key not in record:
        got = ", ".join(printable(name, most=20) for name in list(record)[:8]) or "nothing"
        raise InputError(f"expected the key {key!r}, got {got}")
    if not isinstance(value := record[key], str):
        raise InputError(f"{key}: expected text in quotes, got {printable(repr(value), most=40)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(f"{key}: half of a surrogate pair, which no file can hold") from None
    return value


def id_of(record: dict[str, Any]) -> str:
    """The id of a line: text that is not empty."""
    if not (id_ := text_of(record, "id")):
        raise InputError("id: expected text, got nothing")
    return id_


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > MOST_CHARACTERS:
        raise InputError(f"{len(line):,} bytes; expected at most {MOST_CHARACTERS:,} in a line")
    try:
        record = json.loads(line.decode(), object_pairs_hook=_without_twins)
    except UnicodeDecodeError:
        raise InputError("expected UTF-8") from None
    except RecursionError:
        raise InputError("expected a JSON object, got one nested too deeply") from None
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"expected a JSON object: {error}") from None
    if not isinstance(record, dict):
        raise InputError(f"expected a JSON object, got {printable(repr(record), most=40)}")
    return record


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise InputError("a key comes twice in one object")
    return record
