"""Names of files: how people may see them, which are one to some systems, which systems leave."""

import unicodedata
from collections.abc import Collection

_LITTER = {"__macosx", "thumbs.db", "desktop.ini"}
_TAIL = 40


def printable(name: str, *, most: int = 120) -> str:
    """A name on one line: escapes for what terminals obey and files cannot hold, cut where long."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
    if len(shown) <= most:
        return shown
    # the end stays, since it tells what kind of file it is
    return f"{shown[: most - _TAIL - 3]}...{shown[-_TAIL:]}"


def folded(name: str) -> str:
    """What names have in common that differ by case or Unicode form alone."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def litter(name: str) -> str | None:
    """The part of a path that an operating system or a tool left behind, or None.

    Dotfiles, `__MACOSX`, `Thumbs.db` and `desktop.ini`, and everything in folders so called.
    """
    parts = name.split("/")
    for depth, part in enumerate(parts, start=1):
        if part.startswith(".") or part.lower() in _LITTER:
            return "/".join(parts[:depth])
    return None


def top_folder(names: Collection[str]) -> str:
    """The folder that holds every one of the names, with its slash; empty where there is none."""
    tops = {name.partition("/")[0] if "/" in name else "" for name in names}
    return f"{tops.pop()}/" if len(tops) == 1 and "" not in tops else ""
