"""A zip file of a stranger, read member by member into memory and never extracted."""

import os
import stat
import struct
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from gpu_metrics.errors import EngineError, InputError, SubmissionError
from gpu_metrics.intake.listing import File, Limits, Listing
from gpu_metrics.intake.zip_directory import Member, read_directory
from gpu_metrics.names import printable

_HEADER = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
# bit 0: encrypted; 6: strongly; 13: with a directory that is, too
_ENCRYPTED = 1 | 1 << 6 | 1 << 13

# no ratio is suspicious below
_SMALL = 64 * 2**20

_KINDS = {
    b"Rar!\x1a\x07": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x1f\x8b": "a gzip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ\x00": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"PK\x07\x08": "one part of a zip file in several",
    b"\x89PNG\r\n\x1a\n": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF": "a PDF document",
    b"MZ": "a program",
}


def open_archive(path: Path, title: str, limits: Limits) -> Listing:
    """The members of a zip file; members that should not be there carry a fault.

    The file stays open until the listing is closed. Members may be read from any thread: only
    fetching their packed bytes takes turns.

    Raises:
        SubmissionError: This is no zip file, or one that is cut short, damaged, in parts, or made
            to burst: with members that overlap, or that unpack to far more than they should.
        EngineError: The file cannot be read.
    """
    if not path.is_file():
        got = "something else" if path.exists() else "nothing of that name"
        raise SubmissionError(f"{title}: expected a folder of images or a zip file, got {got}")
    try:
        file = path.open("rb")
    except OSError as error:
        raise EngineError(f"{title}: cannot be read: {error.strerror}") from error
    try:
        return _list(file, title, limits)
    except BaseException:
        file.close()
        raise


def _list(file: BinaryIO, title: str, limits: Limits) -> Listing:
    head = file.read(512)
    if not head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        raise SubmissionError(
            f"{title}: expected a folder of images or a zip file, got {_kind(head)}"
        )
    members = read_directory(file, title, limits)
    length = file.seek(0, os.SEEK_END)
    total = sum(member.size for member in members)
    problems = list(_overlaps(members))
    if total > max(_SMALL, limits.ratio * length):
        problems.append(
            f"{length:,} bytes unpack to {total:,}; expected at most {limits.ratio} times as many"
        )
    read = partial(_read, file, Lock())
    files = (
        File(member.name, member.size, partial(read, member), _fault(member))
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


def _read(file: BinaryIO, lock: Lock, member: Member, count: int | None) -> bytes:
    # a header that lies is found out at one byte too many
    most = member.size + 1 if count is None else min(count, member.size)
    packed = _packed(file, lock, member, most)
    try:
        data = packed[:most] if member.method == _STORED else _inflate(packed, most)
    except zlib.error:
        raise InputError("damaged inside the zip file: it cannot be unpacked") from None
    if count is not None:
        return data
    if len(data) != member.size:
        seen = "more" if len(data) > member.size else f"{len(data):,}"
        raise InputError(
            f"damaged inside the zip file: expected {member.size:,} bytes, there are {seen}"
        )
    if zlib.crc32(data) != member.crc:
        raise InputError("damaged inside the zip file: its checksum is wrong")
    return data


def _inflate(packed: bytes, most: int) -> bytes:
    # for zlib, at most 0 bytes are as many as there are
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, most) if most else b""


def _packed(file: BinaryIO, lock: Lock, member: Member, most: int) -> bytes:
    """As much of a member as `most` of its bytes are packed to."""
    # deflate never doubles; what claims to would fill the memory for nothing
    length = min(member.packed, 2 * most + 2**16)
    try:
        with lock:
            file.seek(member.offset)
            header = file.read(_HEADER.size)
            if len(header) == _HEADER.size and header.startswith(b"PK\x03\x04"):
                name_length, extra_length = _HEADER.unpack(header)[-2:]
                name = file.read(name_length)
                file.seek(extra_length, os.SEEK_CUR)
                data = file.read(length)
                if name == member.raw_name and len(data) == length:
                    return data
    except OSError as error:
        raise EngineError(f"the zip file cannot be read: {error.strerror}") from error
    raise InputError("damaged inside the zip file: its header is not where the directory says")


def _kind(head: bytes) -> str:
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
            return kind
    if head[257:262] == b"ustar":
        return "a tar archive"
    if head.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    return "an empty file" if not head else "a file of another kind"
