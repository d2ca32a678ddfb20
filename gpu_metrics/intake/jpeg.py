"""JPEG files walked from marker to marker, to their end."""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from gpu_metrics.errors import InputError

_SOI, _EOI, _SOS, _APP1 = 0xD8, 0xD9, 0xDA, 0xE1
# markers that start a frame; three of the sixteen codes mean something else
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_HUFFMAN_8_BIT = (0xC0, 0xC1, 0xC2)
# what ends compressed data: a marker, but neither a stuffed zero nor a restart
_NEXT = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")


@dataclass(frozen=True, slots=True)
class Jpeg:
    """What the markers of a JPEG say.

    `exif` tells whether a segment may hold an orientation; `trailing` counts bytes after the end.
    """

    width: int
    height: int
    depth: int
    components: int
    process: int
    exif: bool
    trailing: int

    @property
    def plain(self) -> bool:
        """Whether it is an 8-bit color image of a common kind: baseline or progressive."""
        return self.process in _HUFFMAN_8_BIT and (self.depth, self.components) == (8, 3)

    @property
    def form(self) -> str:
        """Depth and color, as people write them: "8-bit grey"."""
        colors = {1: "grey", 3: "color", 4: "CMYK"}.get(self.components, "oddly colored")
        rare = "" if self.process in _HUFFMAN_8_BIT else "lossless or arithmetic-coded "
        return f"{rare}{self.depth}-bit {colors}"


def read_jpeg(data: bytes, fits: Callable[[int, int], None]) -> Jpeg:
    """Walk a JPEG from its first marker to its last.

    Args:
        data: The whole file.
        fits: Called with width and height as soon as they are known; raises where they are wrong.

    Raises:
        InputError: Parts are missing, cut or twice there. Compressed data are not looked into.
    """
    frame: tuple[int, int, int, int, int] | None = None
    exif = scanned = False
    position = 2
    while True:
        marker, position = _marker(data, position)
        if marker == _EOI:
            break
        body, position = _segment(data, marker, position)
        if marker in _FRAMES:
            if frame is not None:
                raise InputError("damaged: a second frame")
            frame = _frame(marker, body)
            fits(frame[0], frame[1])
        elif marker == _APP1:
            exif = exif or body.startswith(b"Exif\0")
        elif marker == _SOS:
            if frame is None:
                raise InputError("damaged: image data before the size of the image")
            scanned = True
            following = _NEXT.search(data, position)
            position = following.start() if following else len(data)
    if frame is None or not scanned:
        raise InputError("damaged: no image data")
    return Jpeg(*frame, exif=exif, trailing=len(data) - position)


def _marker(data: bytes, position: int) -> tuple[int, int]:
    """The marker at a place, and where it ends; any number of fill bytes may stand before it."""
    start = position
    while data[position : position + 1] == b"\xff":
        position += 1
    if position >= len(data):
        raise InputError(f"cut short: {len(data)} bytes without an end-of-image marker")
    marker = data[position]
    if position == start or marker < 0xC0 or 0xD0 <= marker <= _SOI:
        raise InputError("damaged: something else where a marker is due")
    return marker, position + 1


def _segment(data: bytes, marker: int, position: int) -> tuple[bytes, int]:
    length = int.from_bytes(data[position : position + 2], "big")
    end = position + length
    if length < 2 or end > len(data):
        raise InputError(
            f"cut short: a segment says {length} bytes, {len(data) - position} are left"
        )
    return data[position + 2 : end], end


def _frame(marker: int, body: bytes) -> tuple[int, int, int, int, int]:
    """Width, height, depth, components and process of a frame."""
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        raise InputError("damaged: the segment that holds the size of the image")
    depth, height, width, components = struct.unpack_from(">BHHB", body)
    if not (width and height):
        raise InputError(f"damaged: the header says {width} x {height} pixels")
    return width, height, depth, components, marker
