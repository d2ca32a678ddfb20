"""PNG files taken apart strictly: each chunk, each checksum, each byte of image data."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from deflate import DeflateError, adler32, crc32, zlib_decompress

from gpu_metrics.errors import InputError

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_COLORS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGBA"}
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
_INTERLACED = (*_PASSES, (0, 1, 1, 2))
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")
# the longest block that deflate stores as it is
_STORED = 65535


@dataclass(frozen=True, slots=True)
class Header:
    """What the first chunk says: size in pixels, bits per sample, color type of the standard."""

    width: int
    height: int
    depth: int
    color: int
    interlaced: bool

    @classmethod
    def parse(cls, data: bytes) -> "Header":
        """Read the first 33 bytes of a PNG; nothing else of `data` is looked at."""
        if len(data) < 33:
            raise InputError(f"cut short: {len(data)} bytes, a PNG's header alone has 33")
        if not data.startswith(SIGNATURE):
            raise InputError("damaged: its first eight bytes are not quite those of a PNG")
        length, kind = struct.unpack_from(">I4s", data, 8)
        if (length, kind) != (13, b"IHDR"):
            raise InputError("damaged: a PNG starts with chunk IHDR of 13 bytes")
        if crc32(data[12:29]) != int.from_bytes(data[29:33], "big"):
            raise InputError("damaged: checksum of chunk IHDR is wrong")
        width, height, depth, color, method, filters, interlace = struct.unpack_from(
            ">IIBBBBB", data, 16
        )
        if not (0 < width < 1 << 31 and 0 < height < 1 << 31):
            raise InputError(f"damaged: the header says {width} x {height} pixels")
        if depth not in _DEPTHS.get(color, ()) or method or filters or interlace > 1:
            raise InputError("damaged: the header holds values that no PNG may have")
        return cls(width, height, depth, color, bool(interlace))

    @property
    def form(self) -> str:
        """Depth and color, as people write them: "16-bit RGB"."""
        return f"{self.depth}-bit {_COLORS[self.color]}"

    def passes(self) -> list[tuple[int, int]]:
        """Rows and bytes per row, filter byte included, of each pass that has pixels."""
        bits = self.depth * _SAMPLES[self.color]
        sizes = [(self.width, self.height)]
        if self.interlaced:
            sizes = [
                (-(-(self.width - x) // dx), -(-(self.height - y) // dy))
                for x, y, dx, dy in _INTERLACED
            ]
        return [(h, 1 + -(-w * bits // 8)) for w, h in sizes if w > 0 and h > 0]


@dataclass(frozen=True, slots=True)
class Chunks:
    """What a PNG holds besides its header, checksums found right.

    `palette` is the body that a palette image refers to, `exif` that of chunk eXIf; None where
    there is none. `others` names the remaining kinds of chunks, sorted; `trailing` counts bytes
    after the end of the image.
    """

    compressed: bytes
    palette: bytes | None
    exif: bytes | None
    others: tuple[str, ...]
    trailing: int


def read_chunks(data: bytes, header: Header) -> Chunks:
    """Walk all chunks after the header; InputError where one is damaged, missing or misplaced."""
    parts: list[memoryview] = []
    bodies: dict[bytes, memoryview] = {}
    previous, trailing = b"IHDR", 0
    for kind, body, end in _walk(memoryview(data)):
        if kind == b"IDAT":
            if parts and previous != b"IDAT":
                raise InputError("damaged: chunks IDAT are not together")
            if header.color == 3 and b"PLTE" not in bodies:
                raise InputError("damaged: no palette before the image data")
            parts.append(body)
        elif kind in _ANIMATION:
            raise InputError("animated PNG; expected a single image")
        elif kind in (b"IHDR", b"PLTE") and (kind == b"IHDR" or kind in bodies):
            raise InputError(f"damaged: a second chunk {kind.decode()}")
        elif kind[:1].isupper() and kind not in (b"PLTE", b"IEND"):
            raise InputError(f"unknown critical chunk {kind.decode()}")
        else:
            bodies.setdefault(kind, body)
        previous, trailing = kind, len(data) - end
    if not parts:
        raise InputError("damaged: no image data")
    palette = bodies.get(b"PLTE")
    if palette is not None and (len(palette) % 3 or not 3 <= len(palette) <= 768):
        raise InputError(f"damaged: a palette of {len(palette)} bytes")
    return Chunks(
        compressed=b"".join(parts),
        palette=bytes(palette) if palette is not None and header.color == 3 else None,
        exif=bytes(bodies[b"eXIf"]) if b"eXIf" in bodies else None,
        others=tuple(sorted(k.decode() for k in bodies if k not in (b"PLTE", b"IEND", b"eXIf"))),
        trailing=trailing,
    )


def inflate(header: Header, compressed: bytes) -> bytearray:
    """The filtered rows, exactly as many bytes as the header asks for.

    They are inflated once, into a buffer of that size. Adler-32 and filter types are checked.
    """
    expected = sum(rows * stride for rows, stride in header.passes())
    try:
        raw = zlib_decompress(compressed, expected)
    except DeflateError:
        raise InputError(_fault(compressed, expected)) from None
    if len(raw) < expected:
        raise InputError(_ends_early(len(raw), expected))
    start = 0
    for rows, stride in header.passes():
        end = start + rows * stride
        if np.frombuffer(raw, np.uint8)[start:end:stride].max() > 4:
            raise InputError("damaged: a row has an unknown filter type")
        start = end
    return raw


def stored(header: Header, chunks: Chunks, raw: bytearray, *, exif: bool) -> bytes:
    """The same image as a PNG that holds its rows uncompressed, and nothing a decoder can ignore.

    Args:
        header, chunks: Of the file.
        raw: Its filtered rows, from `inflate`.
        exif: Whether to keep the chunk that holds the orientation.
    """
    rows = memoryview(raw)
    image: list[bytes | memoryview] = [b"\x78\x01"]
    for start in range(0, len(rows), _STORED):
        block = rows[start : start + _STORED]
        last = start + len(block) == len(rows)
        image += struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF), block
    image.append(struct.pack(">I", adler32(rows)))
    depth, color = header.depth, header.color
    first = struct.pack(
        ">IIBBBBB", header.width, header.height, depth, color, 0, 0, header.interlaced
    )
    return b"".join(
        [
            SIGNATURE,
            *_chunk(b"IHDR", first),
            *(_chunk(b"eXIf", chunks.exif) if exif and chunks.exif else ()),
            *(_chunk(b"PLTE", chunks.palette) if chunks.palette else ()),
            *_chunk(b"IDAT", *image),
            *_chunk(b"IEND"),
        ]
    )


def _walk(data: memoryview) -> Iterator[tuple[bytes, memoryview, int]]:
    """Kind, body and end of each chunk from the second on, up to IEND."""
    position, kind = 33, b"IHDR"
    while kind != b"IEND":
        left = len(data) - position - 12
        if left < 0:
            raise InputError(f"cut short: {len(data)} bytes hold no chunk IEND at their end")
        length, kind = struct.unpack_from(">I4s", data, position)
        if not kind.isalpha():
            raise InputError("damaged: a chunk without a proper name")
        if length > left:
            raise InputError(
                f"cut short: chunk {kind.decode()} says {length} bytes, {left} are left"
            )
        body, end = data[position + 8 : position + 8 + length], position + 12 + length
        if crc32(data[position + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise InputError(f"damaged: checksum of chunk {kind.decode()} is wrong")
        yield kind, body, end
        position = end


def _chunk(kind: bytes, *parts: bytes | memoryview) -> list[bytes | memoryview]:
    checksum = 0
    for part in (kind, *parts):
        checksum = crc32(part, checksum)
    length = struct.pack(">I", sum(len(part) for part in parts))
    return [length, kind, *parts, struct.pack(">I", checksum)]


def _fault(compressed: bytes, expected: int) -> str:
    """What is wrong with image data that do not inflate; looked into only then."""
    stream = zlib.decompressobj()
    try:
        length = len(stream.decompress(compressed, expected + 1))
    except zlib.error:
        return "image data is damaged"
    if length > expected:
        return f"more image data than the {expected} bytes that the header asks for"
    return "image data is damaged" if length == expected else _ends_early(length, expected)


def _ends_early(length: int, expected: int) -> str:
    return f"image data ends early: {length} of {expected} bytes"
