"""BMP files: their header, and whether all rows are there."""

import struct
from dataclasses import dataclass

from gpu_metrics.errors import InputError


@dataclass(frozen=True, slots=True)
class Bmp:
    """What the header of a BMP says. `trailing` counts bytes after the rows, 0 if compressed."""

    width: int
    height: int
    bits: int
    compressed: bool
    trailing: int

    @property
    def plain(self) -> bool:
        """Whether it holds 8-bit RGB as it is."""
        return self.bits == 24 and not self.compressed

    @property
    def form(self) -> str:
        """As people write it: "24-bit"."""
        return f"{'compressed ' if self.compressed else ''}{self.bits}-bit"


def read_bmp(data: bytes) -> Bmp:
    """Read the header of a BMP; InputError where it makes no sense or rows are missing."""
    if len(data) < 26:
        raise InputError(f"cut short: {len(data)} bytes, a BMP's header alone has 26")
    start, header = struct.unpack_from("<II", data, 10)
    if header == 12:
        width, height, planes, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    elif 40 <= header <= len(data) - 14:
        width, height, planes, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    else:
        raise InputError(f"damaged: a header of {header} bytes, no BMP has")
    # rows from the top down have a negative height
    height = abs(height)
    if width <= 0 or height <= 0 or planes != 1 or bits not in (1, 4, 8, 16, 24, 32):
        raise InputError("damaged: the header holds values that no BMP may have")
    compressed = compression in (1, 2, 4, 5)
    end = start + (width * bits + 31) // 32 * 4 * height
    if not compressed and len(data) < end:
        raise InputError(f"cut short: {len(data)} of {end} bytes")
    return Bmp(width, height, bits, compressed, 0 if compressed else len(data) - end)
