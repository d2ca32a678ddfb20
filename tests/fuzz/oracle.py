"""What must hold of any file: it is refused in words for its author, or gives its true content."""

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from gpu_metrics.errors import InputError, SubmissionError
from gpu_metrics.intake.decoding import decode
from gpu_metrics.intake.entries import open_entries
from gpu_metrics.intake.policy import Policy
from tests.fuzz.witness import Witness

Verdict = Literal["refused", "equal"]

_STRICT = Policy("strict", (".png", ".jpg"))
_LOCAL = b"PK\x03\x04"


class Wrong(Exception):
    """A file was neither refused as it should be nor given its true content."""


def judge_image(data: bytes, size: tuple[int, int], witness: Witness) -> Verdict:
    """Under either policy: pixels are those of OpenCV, or, where nothing is turned, of Pillow."""
    # Pillow stumbles over metadata that are ignored here
    official = _judge_pixels(data, size, Policy("official"), witness, "opencv")
    strict = _judge_pixels(data, size, _STRICT, witness, "pillow", "opencv unturned")
    return "equal" if "equal" in (official, strict) else "refused"


def _judge_pixels(
    data: bytes, size: tuple[int, int], policy: Policy, witness: Witness, *decoders: str
) -> Verdict:
    try:
        decoded = decode(data, policy=policy, size=size)
    except InputError as error:
        return _refused(str(error))
    for note in decoded.notes:
        _readable(note)
    seen = (witness.ask(decoder, data) for decoder in decoders)
    expected = next((pixels for pixels in seen if pixels is not None), None)
    if expected is None or not np.array_equal(decoded.pixels, expected):
        found = "no pixels" if expected is None else "other pixels"
        raise Wrong(f"{policy.decoding}: accepted, but {' or '.join(decoders)} gives {found}")
    return "equal"


def judge_archive(data: bytes, place: Path) -> Verdict:
    """Every file that can be read has the bytes of a member of that name, checksum included."""
    verdicts: set[Verdict] = set()
    place.write_bytes(data)
    try:
        with open_entries(place) as entries:
            for name in entries.names:
                verdicts.add(_judge_member(data, name, lambda name=name: entries.read(name)))
    except SubmissionError as error:
        if str(place.parent) in str(error):
            raise Wrong(f"tells a path: {error}") from error
        return _refused(str(error))
    return "refused" if verdicts == {"refused"} else "equal"


def _judge_member(data: bytes, name: str, read: Callable[[], bytes]) -> Verdict:
    try:
        content = read()
    except InputError as error:
        return _refused(str(error))
    if not any(found == content for found in _members(data, name, len(content))):
        raise Wrong(f"{name!r}: no member of that name holds these {len(content)} bytes")
    if struct.pack("<I", zlib.crc32(content)) not in data:
        raise Wrong(f"{name!r}: no checksum in the file is that of these {len(content)} bytes")
    return "equal"


def _members(data: bytes, name: str, length: int) -> Iterator[bytes]:
    """What follows each local header of that name, whatever the directory says."""
    place = -1
    while (place := data.find(_LOCAL, place + 1)) >= 0 and place + 30 <= len(data):
        named, extra = struct.unpack_from("<2H", data, place + 26)
        raw, packed = data[place + 30 : place + 30 + named], data[place + 30 + named + extra :]
        if _is_called(raw, name):
            # its own header may lie about how it is packed
            yield packed[:length]
            yield _inflated(packed, length)


def _inflated(packed: bytes, length: int) -> bytes:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, length + 1)
    except zlib.error:
        return b""


def _is_called(raw: bytes, name: str) -> bool:
    """Whether a member has that name, perhaps below a folder around everything."""
    for encoding in ("utf-8", "cp437"):
        parts = raw.decode(encoding, "surrogateescape").split("/")
        path = "/".join(["", *(part for part in parts if part not in ("", "."))])
        if path.endswith(f"/{name}"):
            return True
    return False


def _refused(message: str) -> Verdict:
    _readable(message)
    return "refused"


def _readable(text: str) -> None:
    if not text or not all(line.isprintable() for line in text.splitlines()):
        raise Wrong(f"says what cannot be printed: {text!r}")
