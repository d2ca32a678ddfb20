"""PNGs with something wrong in their bytes, chunks, header, rows or compressed data."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from tests.fuzz.damage import damaged, rearranged
from tests.intake.files import ORIENTATION_6, SIGNATURE, chunk, photo, png

SIZE = (32, 24)
_RGB = photo()
# of the right size once its orientation is obeyed
_TURNED = photo(32, 24)
_GREY = _RGB[..., :1]
_DEEP = _RGB.astype(np.uint16) * 257
_PALETTE = chunk(b"PLTE", photo(1, 256).tobytes())
_METADATA = b"".join(
    [
        chunk(b"gAMA", struct.pack(">I", 45455)),
        chunk(b"tEXt", b"Software\0a program"),
        chunk(b"iCCP", b"p\0\0" + zlib.compress(b"profile")),
        chunk(b"tRNS", bytes(6)),
    ]
)

WHOLE = [
    png(_RGB, kinds=range(5), piece=500),
    png(_RGB, interlaced=True, kinds=(4, 2)),
    png(_RGB, level=0, extra=_METADATA),
    png(_TURNED, extra=chunk(b"eXIf", ORIENTATION_6)),
    png(_GREY, color=0),
    png(_GREY >> 7, 1, 0),
    png(_GREY >> 4, 4, 3, extra=_PALETTE),
    png(_GREY, color=3, extra=_PALETTE),
    png(photo(channels=4), color=6),
    png(photo(channels=2), color=4, interlaced=True),
    png(_DEEP, 16),
]
_KINDS = [b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"eXIf", b"acTL", b"fdAT", b"zzZz", b"ZZZZ"]
# limits of sizes, and every depth and color of the standard
_SIZES = [0, 1, 23, 24, 25, 31, 32, 33, 2**16, 2**31 - 1, 2**31, 2**32 - 1]
_BYTES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 255]


@dataclass(frozen=True)
class _Chunk:
    """One chunk; its checksum is made right unless it is given."""

    kind: bytes
    body: bytes
    checksum: int | None = None


def mutant(random: Random) -> bytes:
    """A PNG that was whole before one to three things happened to it."""
    chunks = _parsed(random.choice(WHOLE))
    for _ in range(random.randrange(3)):
        chunks = random.choice(_HARM)(chunks, random)
    data = SIGNATURE + b"".join(chunk(c.kind, c.body, checksum=c.checksum) for c in chunks)
    return damaged(data, random) if random.random() < 0.3 else data


def _parsed(data: bytes) -> list[_Chunk]:
    chunks, position = [], len(SIGNATURE)
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        chunks.append(_Chunk(kind, data[position + 8 : position + 8 + length]))
        position += 12 + length
    return chunks


def _header(chunks: list[_Chunk], random: Random) -> list[_Chunk]:
    """Another size, depth, color or method."""
    if random.random() < 0.4:
        place, value = random.choice([0, 4]), struct.pack(">I", random.choice(_SIZES))
    else:
        place, value = random.randrange(8, 13), bytes([random.choice(_BYTES)])
    body = chunks[0].body[:place] + value + chunks[0].body[place + len(value) :]
    return [replace(chunks[0], body=body), *chunks[1:]]


def _body(chunks: list[_Chunk], random: Random) -> list[_Chunk]:
    """Damage inside one chunk, which its checksum tells or not."""
    place = random.randrange(len(chunks))
    old = chunks[place]
    right = zlib.crc32(old.kind + old.body)
    new = replace(old, body=damaged(old.body, random), checksum=random.choice([None, right]))
    return [*chunks[:place], new, *chunks[place + 1 :]]


def _kind(chunks: list[_Chunk], random: Random) -> list[_Chunk]:
    """One chunk under another name."""
    place = random.randrange(len(chunks))
    renamed = replace(chunks[place], kind=random.choice([*_KINDS, random.randbytes(4)]))
    return [*chunks[:place], renamed, *chunks[place + 1 :]]


def _more(chunks: list[_Chunk], random: Random) -> list[_Chunk]:
    """A chunk that was not there."""
    place = random.randrange(len(chunks) + 1)
    added = _Chunk(random.choice(_KINDS), random.randbytes(random.choice([0, 1, 8, 13, 100])))
    return [*chunks[:place], added, *chunks[place:]]


def _rows(chunks: list[_Chunk], random: Random) -> list[_Chunk]:
    """Other rows, compressed anew: pixels, filter types, or their number."""
    packed = [i for i, c in enumerate(chunks) if c.kind == b"IDAT"]
    try:
        rows = zlib.decompress(b"".join(chunks[i].body for i in packed))
    except zlib.error:
        return chunks
    data = zlib.compress(damaged(rows, random), random.randrange(10))
    first = packed[0]
    rest = [c for c in chunks[first:] if c.kind != b"IDAT"]
    return [*chunks[:first], _Chunk(b"IDAT", data), *rest]


_HARM: list[Callable[[list[_Chunk], Random], list[_Chunk]]] = [
    _header,
    _body,
    _body,
    _kind,
    _more,
    _rows,
    _rows,
    rearranged,
]
