"""The `readme.txt` that NTIRE asks for beside the images, read as freely as teams write it."""

import codecs
import re
from collections.abc import Mapping

from gpu_metrics.names import printable

README = "readme.txt"
README_BYTES = 64 * 2**10

_MOST = 2000
_LABELS = {
    "runtime_per_image": r"run[ -]?time",
    "device": r"[cg]pu\b",
    "extra_data": r"(no )?extra ?data",
    "description": r"(other )?description",
}
# what 1 and 0 mean where a label does not say
_FLAGS = {
    "device": {"1": "cpu", "0": "gpu"},
    "extra_data": {"1": "yes", "0": "no"},
}
_WORDS = {"cpu": "cpu", "gpu": "gpu", "no extra data": "no", "extra data": "yes"}


def parse_readme(data: bytes) -> dict[str, str]:
    """What a readme of the NTIRE form says, as far as it says anything; never an error.

    The form has four lines: `runtime per image [s] : 7.17`, `CPU[1] / GPU[0] : 0`,
    `Extra Data [1] / No Extra Data [0] : 0`, `Other description : ...`. The keys are
    `runtime_per_image` (the number as written), `device` ("cpu" or "gpu"), `extra_data` ("yes" or
    "no") and `description`, which also takes every line of no known label. Labels may swap their
    flags; a value that is no flag stays as it is written. A label that comes twice counts once,
    as it came first.
    """
    found: dict[str, str] = {}
    rest: list[str] = []
    for line in _text(data).splitlines():
        label, mark, value = (
            part.strip() for part in re.split(r"([:=\uff1a]|$)", line, maxsplit=1)
        )
        key = _key(label)
        if not mark or key is None or (key in found and key != "description"):
            rest.append(line.strip())
        elif key == "description":
            rest.append(value)
        else:
            found[key] = _flag(value, label, key)
    if description := " ".join(line for line in rest if line):
        found["description"] = description
    return {key: printable(value, most=_MOST) for key, value in found.items()}


def _text(data: bytes) -> str:
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if utf16 else "utf-8-sig", errors="replace")


def _key(label: str) -> str | None:
    plain = " ".join(label.lower().split())
    return next((key for key, pattern in _LABELS.items() if re.match(pattern, plain)), None)


def _flag(value: str, label: str, key: str) -> str:
    """The meaning of a flag by its own label, or by the form where that is silent."""
    plain = " ".join(label.lower().split())
    stated = re.findall(r"(cpu|gpu|no extra data|extra data) ?\[ ?([01]) ?\]", plain)
    meanings: Mapping[str, str] = _FLAGS.get(key, {}) | {
        flag: _WORDS[word] for word, flag in stated
    }
    if key == "device" and value.lower() in ("cpu", "gpu"):
        return value.lower()
    return meanings.get(value.strip("[] "), value)
