"""Documents from outside: read as strictly as can be, whoever sent them."""

import json
from typing import Any, TypeVar

from gpu_metrics.errors import InputError
from gpu_metrics.names import printable
from gpu_metrics.study.model import Document

# far above any ballot: a comment in four-byte characters, each written as two escapes, has 24 kB
LARGEST_BALLOT = 64 * 1024

D = TypeVar("D", bound=Document)


def received(kind: type[D], text: bytes, *, where: str) -> D:
    """As `Document.parse`, but no key may come twice, and the sentence of a refusal is short."""
    try:
        document = kind.parse(text, where=where)
        # what has a document's form is never nested deeply, so that this parser can read it, too
        json.loads(text, object_pairs_hook=_each_once)
    except ValueError as error:
        raise InputError(printable(str(error), most=300)) from error
    return document


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InputError("expected each key once in an object")
    return found
