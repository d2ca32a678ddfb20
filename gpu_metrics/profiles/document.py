"""What every TOML file of rules has: a head that names it, and assignments of a formula."""

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from gpu_metrics.errors import ProfileError
from gpu_metrics.expressions import Expression
from gpu_metrics.profiles.checks import check_keys, check_kind, check_name, check_text, check_used

_HEAD = {
    "schema": "a whole number",
    "name": "a string",
    "version": "a string",
    "title": "a string",
    "source": "a string",
    "notes": "a string",
}


def read_document(
    text: str,
    required: Iterable[str],
    optional: Iterable[str],
    *,
    schema: int,
    where: str,
) -> dict[str, Any]:
    """The TOML document, its head and the names of its tables checked."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{where}: not readable as TOML: {error}") from None
    except RecursionError:
        raise ProfileError(f"{where}: not readable as TOML: nested too deeply") from None
    if (given := document.get("schema", schema)) != schema:
        raise ProfileError(f"{where}: this release reads schema = {schema}, got {given!r}")
    tables = _HEAD | dict.fromkeys(required, "a table")
    check_keys(document, tables, dict.fromkeys(optional, "a table"), where=where)
    check_text("name", document["name"], r"[a-z0-9][a-z0-9.-]*", where=where)
    check_text("version", document["version"], r"[A-Za-z0-9][A-Za-z0-9.-]*", where=where)
    return document


def parse_assignments(
    table: Mapping[str, Any], known: Iterable[str], *, where: str
) -> dict[str, Expression]:
    """Expressions in their order; each may use `known` names and the assignments before it."""
    known = list(known)
    expressions: dict[str, Expression] = {}
    for name, text in table.items():
        check_name(name, known, where=where)
        check_kind(text, "a string", where=f"{where} {name}")
        expression = Expression.parse(text, where=f"{where} {name}")
        available = [*known, *expressions]
        for used in expression.names:
            if used in table and used not in available:
                raise ProfileError(f"{where} {name}: {used!r} is used before it is assigned")
        check_used(expression.names, available, where=f"{where} {name}")
        expressions[name] = expression
    return expressions
