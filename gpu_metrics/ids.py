"""What files are paired by: the ids that their names hold, by the rule of a profile."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from gpu_metrics.names import printable
from gpu_metrics.profiles import Images

NESTED = "an archive inside, which is not opened; put the images themselves in its place"

_ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz")


@dataclass(frozen=True, slots=True)
class Named:
    """Images by id, files whose names are at fault, and files passed over, with the reasons."""

    files: dict[str, str]
    problems: list[str]
    ignored: list[str]


def images_by_id(
    names: Iterable[str], rules: Images, *, skip: str | None, shown: Callable[[str], str]
) -> Named:
    """The images among the names of files; `shown` is what messages call them."""
    named = Named({}, [], [])
    for name in names:
        id_ = image_id(name, rules)
        if reason := _reason_to_skip(name, rules, skip):
            named.ignored.append(f"{shown(name)}: passed over, {reason}")
        elif id_ is None:
            reason = "expected three digits in the name, which are its id"
            named.problems.append(f"{shown(name)}: {reason}")
        elif id_ in named.files:
            other = f"{shown(named.files[id_])} has{_run_hint(name)}"
            named.problems.append(f"{shown(name)}: has the id {printable(id_)}, as {other}")
        else:
            named.files[id_] = name
    return named


def image_id(name: str, rules: Images) -> str | None:
    """What a file is paired by: its name, its stem, or the first three digits in that, if any."""
    if rules.pairing == "manifest":
        return name
    stem = PurePosixPath(name).stem
    if rules.pairing == "stem":
        return stem
    match = re.search(r"[0-9]{3}", stem)
    return match[0] if match else None


def _reason_to_skip(name: str, rules: Images, skip: str | None) -> str | None:
    if skip is not None and skip.lower() in name.lower():
        return f"its name holds {skip!r}"
    if name.lower().endswith(_ARCHIVES):
        return NESTED
    if PurePosixPath(name).suffix.lower() not in rules.extensions:
        return "not an image by its name"
    return None


def _run_hint(name: str) -> str:
    if re.search(r"[0-9]{4}", PurePosixPath(name).stem):
        return "; the id is the first three digits in a row, so 0001 and 0002 both read as 000"
    return ""
