"""What every TOML file of rules has: a place, a head that names it, assignments of a formula."""

import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from gpu_metrics.catalog import did_you_mean
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


def shipped_names(package: str) -> list[str]:
    """Names of the TOML files that come with a package, sorted."""
    names = [entry.name for entry in files(package).iterdir()]
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def find_text(name_or_path: str | Path, package: str, *, what: str) -> tuple[str, str]:
    """The text of the TOML file that a package ships by that name, or of the one at that path.

    A string is a path where it ends in .toml or holds a slash. The second value names the file.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text or "\\" in text:
        return _read(Path(name_or_path)), text
    if text not in (names := shipped_names(package)):
        raise ProfileError(
            f"unknown {what} {text!r}; available: {', '.join(names)}, "
            f"or the path of a .toml file{did_you_mean(text, names)}"
        )
    return files(package).joinpath(f"{text}.toml").read_text("utf-8"), f"{text}.toml"


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ProfileError(f"{path}: not UTF-8 text: {error.reason}") from error


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
