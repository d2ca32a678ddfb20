"""Zip files with something wrong in their bytes, headers, names, directory or packed data."""

import io
import struct
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from tests.fuzz.damage import damaged, rearranged
from tests.intake.zips import assembled64, central, local, raw_deflate, zipped

CONTENT = {
    "team/001.png": Random(1).randbytes(700),
    "team/002.png": b"b" * 900,
    "team/003.png": b"",
    "team/readme.txt": b"CPU[1] / GPU[0] : 1\n" * 9,
}


class _Pipe(io.RawIOBase):
    """What is written forward only, so that sizes follow the data they belong to."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        self.data += bytes(data)
        return len(data)


def _piped() -> bytes:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in CONTENT.items():
            archive.writestr(name, data)
    return pipe.data


def _large() -> bytes:
    """As programs write it for files beyond 4 GiB."""
    members, entries = b"", []
    for name, data in CONTENT.items():
        packed, crc, raw = raw_deflate(data), zlib.crc32(data), name.encode()
        wide = struct.pack("<2HQ", 1, 8, len(members))
        entries.append(central(raw, 2**32 - 1, len(packed), len(data), crc=crc, extra=wide))
        members += local(raw, packed, len(data), crc=crc)
    return assembled64(members, entries)


WHOLE = [
    zipped(CONTENT),
    zipped(CONTENT, method=zipfile.ZIP_STORED),
    zipped({"team/": b"", **CONTENT, "__MACOSX/._001.png": b"litter"}),
    _piped(),
    _large(),
]

# place and length of the fields of each record
_FIELDS = {
    b"PK\x03\x04": [(4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)],
    b"PK\x01\x02": [
        *((6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4)),
        *((28, 2), (30, 2), (32, 2), (38, 4), (42, 4)),
    ],
    b"PK\x05\x06": [(4, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)],
    b"PK\x06\x06": [(4, 8), (24, 8), (32, 8), (40, 8), (48, 8)],
    b"PK\x06\x07": [(4, 4), (8, 8), (16, 4)],
}
_NAMES = [b"..", b"/", b"\\", b"\0", b"\n", b"\x1b[", b"C:", b"\xff", b"001", b"A", b".zip"]


@dataclass(frozen=True)
class _Record:
    """One record with what follows it up to the next: a name, perhaps packed data."""

    kind: bytes
    data: bytes

    @property
    def body(self) -> int:
        """Where the packed data of a member start, by its lengths of name and extra field."""
        return 30 + sum(struct.unpack_from("<2H", self.data, 26))

    def put(self, place: int, value: bytes) -> "_Record":
        """The same record with other bytes in a place."""
        return _Record(self.kind, self.data[:place] + value + self.data[place + len(value) :])


def mutant(random: Random) -> bytes:
    """A zip file that was whole before one to three things happened to it."""
    records = _parsed(random.choice(WHOLE))
    for _ in range(random.randrange(3)):
        records = random.choice([_field, _field, _name, _repacked, _repacked, _moved])(
            records, random
        )
    data = b"".join(record.data for record in records)
    return damaged(data, random) if random.random() < 0.4 else data


def _parsed(data: bytes) -> list[_Record]:
    places = sorted(
        place for kind in _FIELDS for place in range(len(data)) if data.startswith(kind, place)
    )
    return [_Record(data[i : i + 4], data[i:j]) for i, j in pairwise([*places, len(data)])]


def _field(records: list[_Record], random: Random) -> list[_Record]:
    """A number at its limits, off by one, or with another bit."""
    number = random.randrange(len(records))
    record = records[number]
    place, length = random.choice(_FIELDS[record.kind])
    old, most = int.from_bytes(record.data[place : place + length], "little"), 256**length - 1
    new = random.choice([0, 1, most, most // 2, old + 1, old - 1, old ^ 1 << random.randrange(16)])
    changed = record.put(place, (new & most).to_bytes(length, "little"))
    return [*records[:number], changed, *records[number + 1 :]]


def _name(records: list[_Record], random: Random) -> list[_Record]:
    """Other letters in a name, in the directory and mostly in front of its data, too."""
    old = random.choice([*CONTENT]).encode()
    place, letters = random.randrange(len(old)), random.choice(_NAMES)
    new = (old[:place] + letters + old[place + len(letters) :])[: len(old)]
    kinds = random.choice([[b"PK\x01\x02"], [b"PK\x01\x02", b"PK\x03\x04"]])
    return [_Record(r.kind, r.data.replace(old, new, 1)) if r.kind in kinds else r for r in records]


def _repacked(records: list[_Record], random: Random) -> list[_Record]:
    """Other packed data, and a checksum that fits them, here and in the directory."""
    members = [r for r in records if r.kind == b"PK\x03\x04" and len(r.data) > r.body]
    if not members:
        return records
    old = random.choice(members)
    place = random.randrange(old.body, len(old.data))
    new = old.put(place, bytes([old.data[place] ^ 1 << random.randrange(8)]))
    data = new.data[new.body :]
    if any(new.data[8:10]):
        with suppress(zlib.error):
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data)
    crc, name = struct.pack("<I", zlib.crc32(data)), new.data[30 : new.body]

    def repaired(record: _Record) -> _Record:
        named = record.kind == b"PK\x01\x02" and record.data.startswith(name, 46)
        return new.put(14, crc) if record is old else record.put(16, crc) if named else record

    return [repaired(record) for record in records]


def _moved(records: list[_Record], random: Random) -> list[_Record]:
    """An entry of the directory lost, twice there, or in another place."""
    entries = [r for r in records if r.kind == b"PK\x01\x02"]
    if not entries:
        return records
    first = records.index(entries[0])
    rest = [r for r in records[first:] if r.kind != b"PK\x01\x02"]
    return [*records[:first], *rearranged(entries, random), *rest]
