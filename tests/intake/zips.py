"""Zip files as people make them, and as nobody should."""

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping


def zipped(
    files: Mapping[str, bytes] | Iterable[tuple[str, bytes]], *, method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """A zip file of named bytes; pairs may repeat a name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items() if isinstance(files, Mapping) else files:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with warnings.catch_warnings():
                # a name that comes twice
                warnings.simplefilter("ignore")
                archive.writestr(info, data)
    return buffer.getvalue()


def with_mode(name: str, data: bytes, mode: int) -> bytes:
    """A zip file of one member with the mode bits of a Unix file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, data)
    return buffer.getvalue()


def local(name: bytes, packed: bytes, size: int, *, crc: int = 0, method: int = 8) -> bytes:
    """The header of a member and its packed bytes."""
    numbers = (20, 0, method, 0, 0, crc, len(packed), size, len(name), 0)
    return struct.pack("<4s5H3L2H", b"PK\x03\x04", *numbers) + name + packed


def central(
    name: bytes,
    offset: int,
    packed: int,
    size: int,
    *,
    crc: int = 0,
    method: int = 8,
    flags: int = 0,
    extra: bytes = b"",
) -> bytes:
    """The entry of a member in the directory."""
    numbers = (20, 20, flags, method, 0, 0, crc, packed, size, len(name), len(extra), 0, 0, 0, 0)
    return struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *numbers, offset) + name + extra


def end(count: int, size: int, offset: int) -> bytes:
    """The record that closes a zip file."""
    return struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, size, offset, 0)


def assembled(members: bytes, entries: list[bytes], *, count: int | None = None) -> bytes:
    """A zip file of members, their directory, and its end; the count may lie."""
    directory = b"".join(entries)
    announced = len(entries) if count is None else count
    return members + directory + end(announced, len(directory), len(members))


def assembled64(members: bytes, entries: list[bytes], *, count: int | None = None) -> bytes:
    """As `assembled`, with the numbers in the record for large files."""
    directory = b"".join(entries)
    n = len(entries) if count is None else count
    numbers = (44, 45, 45, 0, 0, n, n, len(directory), len(members))
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", *numbers)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(members) + len(directory), 1)
    return members + directory + record + locator + end(2**16 - 1, 2**32 - 1, 2**32 - 1)


def raw_deflate(data: bytes) -> bytes:
    """Deflated bytes without a wrapper, as zip files hold them."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def overlap_bomb(files: int, kernel: bytes) -> bytes:
    """Entries that all unpack one and the same member."""
    packed = raw_deflate(kernel)
    crc = zlib.crc32(kernel)
    names = [b"%03d.png" % number for number in range(files)]
    member = local(names[0], packed, len(kernel), crc=crc)
    entries = [central(name, 0, len(packed), len(kernel), crc=crc) for name in names]
    return assembled(member, entries)


def quoting_bomb(files: int, kernel: bytes) -> bytes:
    """Members that each unpack to the headers of all that follow, quoted, and the kernel."""
    packed, plain, placed = raw_deflate(kernel), kernel, []
    for number in reversed(range(files)):
        name, crc = b"%03d.png" % number, zlib.crc32(plain)
        text = local(name, packed, len(plain), crc=crc)
        placed.append((len(text), name, len(packed), len(plain), crc))
        header = text[: 30 + len(name)]
        # a stored block of deflate: what follows it is packed data again
        packed = struct.pack("<BHH", 0, len(header), len(header) ^ 0xFFFF) + text
        plain = header + plain
    entries = [
        central(name, len(text) - length, packed_size, size, crc=crc)
        for length, name, packed_size, size, crc in reversed(placed)
    ]
    return assembled(text, entries)
