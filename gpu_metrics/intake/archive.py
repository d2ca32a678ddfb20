"""A zip file of a stranger, read member by member into memory and never extracted."""

import os
import stat
import struct
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from deflate import DeflateError, crc32, deflate_decompress

from gpu_metrics.errors import EngineError, InputError, SubmissionError
from gpu_metrics.intake.kinds import kind_of, with_article
from gpu_metrics.intake.listing import File, Limits, Listing
from gpu_metrics.intake.zip_directory import Member, read_directory
from gpu_metrics.names import printable

_HEADER = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
# bit 0: encrypted; 6: strongly; 13: with a directory that is, too
_ENCRYPTED = 1 | 1 << 6 | 1 << 13

# a zip file may unpack to this much at any ratio
_SPARED = 64 * 2**20
# deflate makes of one byte no more
_MOST_FROM_A_BYTE = 1032


def open_archive(path: Path, title: str, limits: Limits) -> Listing:
    """The members of a zip file; members that should not be there carry a fault.

    The file stays open until the listing is closed. Members may be read from any thread: only
    fetching their packed bytes takes turns.

    Raises:
        SubmissionError: This is no zip file, or its directory is missing, damaged or too large.
        EngineError: The file cannot be read.
    """
    if not path.is_file():
        raise _no_zip(title, "something else" if path.exists() else "nothing of that name")
    try:
        with ExitStack() as failing:
            file = failing.enter_context(path.open("rb"))
            listing = _list(file, title, limits)
            failing.pop_all()
            return listing
    except OSError as error:
        raise EngineError(f"{title}: cannot be read: {error.strerror}") from error


def _list(file: BinaryIO, title: str, limits: Limits) -> Listing:
    head = file.read(512)
    if (kind := kind_of(head)) != "zip":
        unknown = "a file of another kind" if head else "an empty file"
        raise _no_zip(title, f"{with_article(kind)} file" if kind else unknown)
    members = read_directory(file, title, limits)
    length = file.seek(0, os.SEEK_END)
    total = sum(member.size for member in members)
    problems = list(_overlaps(members))
    if total > max(_SPARED, limits.ratio * length):
        problems.append(
            f"{length:,} bytes unpack to {total:,}; expected at most {limits.ratio} times as many"
        )
    lock = Lock()
    files = (
        File(member.name, member.size, partial(_read, file, lock, member), _fault(member))
        for member in members
        if not member.name.endswith("/")
    )
    return Listing(title, tuple(files), tuple(problems), file.close)


def _overlaps(members: Iterable[Member]) -> Iterator[str]:
    """Members of which a byte is counted twice, as bombs are made; real ones lie side by side."""
    ordered = sorted(members, key=lambda member: member.offset)
    for first, second in pairwise(ordered):
        if first.span[1] > second.offset:
            yield f"{printable(second.name)}: overlaps {printable(first.name)} inside the zip file"


def _fault(member: Member) -> str | None:
    kind = stat.S_IFMT(member.mode)
    if kind == stat.S_IFLNK:
        return "a symbolic link; put the file itself in its place"
    if kind not in (0, stat.S_IFREG):
        return "neither a file nor a folder"
    if member.flags & _ENCRYPTED:
        return "password-protected; make the zip file without a password"
    if member.method not in (_STORED, _DEFLATED):
        return f"packed by method {member.method}; expected deflate, as most programs do by default"
    return None


def _read(file: BinaryIO, lock: Lock, member: Member) -> bytes:
    possible = member.packed <= 2 * member.size + 2**16
    if not (possible and member.size <= _MOST_FROM_A_BYTE * member.packed):
        # what the directory claims would fill the memory for nothing
        raise _damaged(f"{member.packed:,} bytes cannot hold {member.size:,}")
    packed = _packed(file, lock, member)
    try:
        stored = member.method == _STORED
        data = packed if stored else bytes(deflate_decompress(packed, member.size))
    except DeflateError:
        raise _damaged(f"it does not unpack to {member.size:,} bytes") from None
    if len(data) != member.size:
        raise _damaged(f"expected {member.size:,} bytes, there are {len(data):,}")
    if crc32(data) != member.crc:
        raise _damaged("its checksum is wrong")
    return data


def _packed(file: BinaryIO, lock: Lock, member: Member) -> bytes:
    try:
        with lock:
            file.seek(member.offset)
            header = file.read(_HEADER.size)
            if len(header) == _HEADER.size and header.startswith(b"PK\x03\x04"):
                name_length, extra_length = _HEADER.unpack(header)[-2:]
                name = file.read(name_length)
                file.seek(extra_length, os.SEEK_CUR)
                data = file.read(member.packed)
                if name == member.raw_name and len(data) == member.packed:
                    return data
    except OSError as error:
        raise EngineError(f"the zip file cannot be read: {error.strerror}") from error
    raise _damaged("its header is not where the directory says")


def _no_zip(title: str, got: str) -> SubmissionError:
    return SubmissionError(f"{title}: expected a folder of images or a zip file, got {got}")


def _damaged(how: str) -> InputError:
    return InputError(f"damaged inside the zip file: {how}")
