"""What becomes of damaged image files; an id begins with its line in the table of bad inputs."""

import io
import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest

from gpu_metrics.errors import InputError
from gpu_metrics.intake.decoding import decode, inspect
from gpu_metrics.intake.policy import Policy
from tests.intake.files import (
    END,
    SIGNATURE,
    assembled,
    chunk,
    header,
    image_data,
    photo,
    png,
    with_chunk,
)

OFFICIAL, STRICT = Policy("official"), Policy("strict")
ANY = [pytest.param(OFFICIAL, id="official"), pytest.param(STRICT, id="strict")]
SIZE = (32, 24)
RGB = photo()
ROWS = image_data(RGB)
COMPRESSED = zlib.compress(ROWS)
GOOD = png(RGB)
FIRST = header(*SIZE)
BODY = GOOD.index(b"IDAT") + 4


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def bomb(width: int, height: int, depth: int, color: int) -> bytes:
    return assembled(header(width, height, depth, color), zlib.compress(bytes(100)))


APNG = with_chunk(GOOD, b"acTL", struct.pack(">II", 2, 0))

# the file, and the reason why it is refused
REFUSED = {
    "line-01 truncated": (
        GOOD[: len(GOOD) // 2],
        f"cut short: chunk IDAT says {len(COMPRESSED)} bytes, {len(GOOD) // 2 - 33 - 12} are left",
    ),
    "line-01 truncated in the header": (
        GOOD[:20],
        "cut short: 20 bytes, a PNG's header alone has 33",
    ),
    "line-02 empty": (b"", "empty file"),
    "line-03 wrong CRC": (
        SIGNATURE + FIRST + chunk(b"IDAT", COMPRESSED, checksum=0) + END,
        "damaged: checksum of chunk IDAT is wrong",
    ),
    "line-03 wrong CRC of the header": (
        SIGNATURE + FIRST[:-4] + bytes(4) + GOOD[33:],
        "damaged: checksum of chunk IHDR is wrong",
    ),
    "line-03 wrong CRC of metadata": (
        with_chunk(GOOD, b"tEXt", b"k\0v", checksum=1),
        "damaged: checksum of chunk tEXt is wrong",
    ),
    "line-03 flipped bit": (
        flipped(GOOD, BODY + 40),
        "damaged: checksum of chunk IDAT is wrong",
    ),
    "line-04 flipped bit, CRC repaired": (
        assembled(FIRST, flipped(COMPRESSED, len(COMPRESSED) // 2)),
        "image data is damaged",
    ),
    "line-04 wrong Adler, CRC right": (
        assembled(FIRST, COMPRESSED[:-4] + bytes(4)),
        "image data is damaged",
    ),
    "line-04 unknown filter type": (
        assembled(FIRST, zlib.compress(b"\5" + ROWS[1:])),
        "damaged: a row has an unknown filter type",
    ),
    "line-05 half of the rows missing": (
        assembled(FIRST, zlib.compress(ROWS[: len(ROWS) // 2])),
        f"image data ends early: {len(ROWS) // 2} of {len(ROWS)} bytes",
    ),
    "line-05 compressed data end early": (
        assembled(FIRST, COMPRESSED[:-100]),
        "image data ends early: ",
    ),
    "line-06 missing IEND": (
        GOOD[: -len(END)],
        f"cut short: {len(GOOD) - len(END)} bytes hold no chunk IEND at their end",
    ),
    "line-08 HTML error page": (
        b"<!DOCTYPE html><html>404</html>" * 20,
        "this is an HTML file renamed; expected",
    ),
    "line-15 APNG": (APNG, "animated PNG; expected a single image"),
    "line-18 bomb of 50000 x 50000": (
        bomb(50_000, 50_000, 1, 0),
        "50000 x 50000, the reference is 32 x 24",
    ),
    "line-19 header says 2^31-1": (
        bomb(2**31 - 1, 2**31 - 1, 8, 2),
        "2147483647 x 2147483647, the reference is 32 x 24",
    ),
    "line-21 one row less": (png(RGB[:-1]), "32 x 23, the reference is 32 x 24"),
    "line-22 width and height swapped": (
        png(photo(32, 24)),
        "24 x 32, the reference is 32 x 24; width and height swapped?",
    ),
    "line-30 float array": (
        npy(np.full((24, 32, 3), np.nan, np.float32)),
        "this is a NumPy file renamed; expected",
    ),
    "line-30 OpenEXR": (
        b"\x76\x2f\x31\x01\2\0\0\0" + bytes(100),
        "this is an OpenEXR file renamed; expected",
    ),
}


@pytest.mark.parametrize("policy", ANY)
@pytest.mark.parametrize(
    ("data", "reason"), [pytest.param(*case, id=id_) for id_, case in REFUSED.items()]
)
def test_refused_under_any_policy(data, reason, policy):
    with pytest.raises(InputError) as caught:
        decode(data, policy=policy, size=SIZE)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize("policy", ANY)
@pytest.mark.parametrize("id_", ["line-18 bomb of 50000 x 50000", "line-19 header says 2^31-1"])
def test_bombs_cost_nothing(id_, policy):
    data = REFUSED[id_][0]
    seconds = []
    tracemalloc.start()
    for _ in range(20):
        start = time.perf_counter()
        with pytest.raises(InputError):
            inspect(data, policy=policy, size=SIZE)
        seconds.append(time.perf_counter() - start)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # the quickest, since other processes share the cores
    assert min(seconds) < 1e-3
    assert peak < 100_000


@pytest.mark.parametrize("policy", ANY)
def test_bombs_are_refused_where_no_size_is_known(policy):
    with pytest.raises(InputError, match="^50000 x 50000 pixels; at most 67108864 are read$"):
        decode(bomb(50_000, 50_000, 8, 2), policy=policy)


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        pytest.param(OFFICIAL, "not an image file", id="line-08 official"),
        pytest.param(STRICT, "not an image file; expected PNG", id="line-08 strict"),
    ],
)
def test_what_is_no_image_is_refused(policy, reason):
    with pytest.raises(InputError, match=f"^{reason}$"):
        decode(b"not found\n" * 30, policy=policy, size=SIZE)
