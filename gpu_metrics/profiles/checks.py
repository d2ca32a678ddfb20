"""What keys, kinds, words and names of a profile are checked by."""

import keyword
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gpu_metrics.catalog import did_you_mean
from gpu_metrics.errors import ProfileError
from gpu_metrics.expressions import FUNCTIONS

_KINDS: dict[str, Callable[[Any], bool]] = {
    "a string": lambda value: isinstance(value, str),
    "a whole number": lambda value: type(value) is int,
    "true or false": lambda value: isinstance(value, bool),
    "a number": lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e15
    ),
    "a table": lambda value: isinstance(value, dict),
    "a list of strings": lambda value: (
        isinstance(value, list) and all(isinstance(item, str) for item in value)
    ),
}


def check_keys(
    table: Mapping[str, Any],
    required: Mapping[str, str],
    optional: Mapping[str, str],
    *,
    where: str,
) -> None:
    """Raise ProfileError unless required keys are there, unknown ones are not, and kinds fit."""
    kinds = {**required, **optional}
    for key in table:
        if key not in kinds:
            raise ProfileError(
                f"{where}: unknown key {key!r}; expected {', '.join(kinds)}"
                f"{did_you_mean(key, kinds)}"
            )
        check_kind(table[key], kinds[key], where=f"{where}: {key}")
    if missing := [repr(key) for key in required if key not in table]:
        raise ProfileError(f"{where}: missing key {', '.join(missing)}")


def check_kind(value: Any, kind: str, *, where: str) -> None:
    """Raise ProfileError unless `value` is of a kind that `_KINDS` names."""
    if not _KINDS[kind](value):
        raise ProfileError(f"{where}: expected {kind}, got {value!r}")


def check_text(key: str, text: str, pattern: str, *, where: str) -> None:
    """Raise ProfileError unless the pattern matches all of `text`, the value of `key`."""
    if re.fullmatch(pattern, text) is None:
        raise ProfileError(f"{where}: {key} must match {pattern}, got {text!r}")


def check_choice(key: str, word: Any, choices: Iterable[str], *, where: str) -> None:
    """Raise ProfileError, with the nearest choice, unless `word` is one of them."""
    choices = list(choices)
    if word not in choices:
        raise ProfileError(
            f"{where}: unknown {key} {word!r}; expected one of {', '.join(choices)}"
            f"{did_you_mean(word, choices)}"
        )


def check_name(name: str, taken: Iterable[str], *, where: str) -> None:
    """Raise ProfileError unless `name` can stand in a formula and is not yet taken."""
    if re.fullmatch(r"[a-z][a-z0-9_]*", name) is None or keyword.iskeyword(name):
        raise ProfileError(
            f"{where}: {name!r} cannot be a name; use lower-case letters, digits and underscores"
        )
    if name in FUNCTIONS:
        raise ProfileError(f"{where}: {name!r} is a function of the formula language")
    if name in taken:
        raise ProfileError(f"{where}: {name!r} is taken; every name has one meaning")


def check_used(names: Iterable[str], available: Iterable[str], *, where: str) -> None:
    """Raise ProfileError, with the nearest name, unless all the names are available."""
    available = list(available)
    for name in names:
        if name not in available:
            raise ProfileError(
                f"{where}: unknown name {name!r}; available: {', '.join(available)}"
                f"{did_you_mean(name, available)}"
            )
