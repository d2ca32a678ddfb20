"""The directory of a zip file, read from its end within bounds and believed in nothing else."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from gpu_metrics.errors import SubmissionError
from gpu_metrics.intake.listing import Limits, too_many

_END = struct.Struct("<4s4H2LH")
_LOCATOR64 = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_MEMBER = struct.Struct("<4s2H4H3L5H2L")
_LONGEST_COMMENT = 2**16 - 1
_ELSEWHERE = 2**32 - 1
_UTF8 = 1 << 11

# names of people's files are shorter; a directory beyond this is not read
_BYTES_PER_MEMBER = 1024


@dataclass(frozen=True, slots=True)
class Member:
    """One member as the directory describes it; `span` is the least of the file that it covers."""

    name: str
    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    mode: int
    offset: int

    @property
    def span(self) -> tuple[int, int]:
        """Where its header starts, and where its bytes end if the header has nothing extra."""
        return self.offset, self.offset + 30 + len(self.raw_name) + self.packed


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the directory lies, and how many members it should have."""

    offset: int
    size: int
    count: int


def read_directory(file: BinaryIO, title: str, limits: Limits) -> list[Member]:
    """The members of a zip file, none of them looked at.

    Raises:
        SubmissionError: The directory is missing or damaged, or is larger than `limits` allows,
            which is found out before it is read.
    """
    place = _find(file, title)
    if place.count > limits.files:
        raise too_many(title, limits)
    if place.size > (most := limits.files * _BYTES_PER_MEMBER):
        raise SubmissionError(
            f"{title}: the directory of the zip file takes {place.size:,} bytes; expected at most "
            f"{most:,}"
        )
    file.seek(place.offset)
    data = file.read(place.size)
    members = []
    for member in _members(data, title):
        members.append(member)
        if len(members) > limits.files:
            raise too_many(title, limits)
    if len(members) != place.count:
        raise _damaged(title, f"lists {len(members)} files and announces {place.count}")
    if any(member.span[1] > place.offset for member in members):
        raise _damaged(title, "points behind the last file")
    return members


def _find(file: BinaryIO, title: str) -> _Place:
    length = file.seek(0, 2)
    start = max(0, length - _END.size - _LONGEST_COMMENT)
    file.seek(start)
    tail = file.read(length - start)
    at = tail.rfind(b"PK\x05\x06", 0, len(tail) - _END.size + 4)
    if at < 0:
        raise SubmissionError(
            f"{title}: the zip file is cut short: its directory, which comes last, is missing"
        )
    count, size, offset = _END.unpack_from(tail, at)[4:7]
    end = start + at
    if _ELSEWHERE in (size, offset) or count == 2**16 - 1:
        end, count, size, offset = _find64(file, title, end)
    if offset + size > end:
        raise _damaged(title, "begins outside of the file")
    return _Place(offset, size, count)


def _find64(file: BinaryIO, title: str, end: int) -> tuple[int, int, int, int]:
    """The end record in its larger form: its place, and how many members, bytes and where."""
    file.seek(max(0, end - _LOCATOR64.size))
    locator = file.read(_LOCATOR64.size)
    if len(locator) < _LOCATOR64.size or not locator.startswith(b"PK\x06\x07"):
        raise _damaged(title, "lacks the record of its size")
    at = _LOCATOR64.unpack(locator)[2]
    if at > end - _LOCATOR64.size - _END64.size:
        raise _damaged(title, "lacks the record of its size")
    file.seek(at)
    record = file.read(_END64.size)
    if not record.startswith(b"PK\x06\x06"):
        raise _damaged(title, "lacks the record of its size")
    return at, *_END64.unpack(record)[7:]


def _members(data: bytes, title: str) -> Iterator[Member]:
    at = 0
    while at < len(data):
        if len(data) - at < _MEMBER.size or data[at : at + 4] != b"PK\x01\x02":
            raise _damaged(title, f"cannot be read at byte {at:,}")
        head = _MEMBER.unpack_from(data, at)
        flags, method, crc, packed, size = head[3], head[4], *head[7:10]
        name_length, extra_length, comment_length, offset = *head[10:13], head[16]
        at += _MEMBER.size
        raw_name = data[at : at + name_length]
        extra = data[at + name_length : at + name_length + extra_length]
        at += name_length + extra_length + comment_length
        if at > len(data):
            raise _damaged(title, "ends inside of an entry")
        if _ELSEWHERE in (packed, size, offset):
            size, packed, offset = _wide(extra, [size, packed, offset], title)
        name = raw_name.decode("utf-8" if flags & _UTF8 else "cp437", "surrogateescape")
        yield Member(name, raw_name, flags, method, crc, packed, size, head[15] >> 16, offset)


def _wide(extra: bytes, values: list[int], title: str) -> list[int]:
    """Values of 64 bits in the place of those that do not fit into 32, from the extra field."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == 1:
            wide = iter(struct.unpack_from(f"<{min(length, len(extra) - 4) // 8}Q", extra, 4))
            return [next(wide, value) if value == _ELSEWHERE else value for value in values]
        extra = extra[4 + length :]
    raise _damaged(title, "lacks the size of a large file")


def _damaged(title: str, how: str) -> SubmissionError:
    return SubmissionError(f"{title}: the directory of the zip file is damaged: it {how}")
