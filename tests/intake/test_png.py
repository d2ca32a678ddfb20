"""PNGs of every form against OpenCV, and thousands of damaged ones."""

import struct
import zlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_metrics.errors import InputError
from gpu_metrics.intake import decoding
from gpu_metrics.intake.decoding import decode, inspect
from gpu_metrics.intake.png import Header, inflate, read_chunks, stored
from gpu_metrics.intake.policy import Policy
from tests.intake.files import (
    END,
    ORIENTATION_6,
    SAMPLES,
    SIGNATURE,
    assembled,
    chunk,
    header,
    image_data,
    opencv,
    photo,
    png,
    with_chunk,
)

OFFICIAL, STRICT = Policy("official"), Policy("strict")
FORMS = [
    *((0, depth) for depth in (1, 2, 4, 8, 16)),
    *((3, depth) for depth in (1, 2, 4, 8)),
    *((color, depth) for color in (2, 4, 6) for depth in (8, 16)),
]
RGB = photo()
GOOD = png(RGB, kinds=range(5))


def samples(height: int, width: int, color: int, depth: int, seed: int = 0) -> np.ndarray:
    x = photo(height, width, SAMPLES[color], seed)
    if depth == 16:
        return x.astype(np.uint16) * 256 + photo(height, width, SAMPLES[color], seed + 1)
    return x >> (8 - depth)


def make(height: int, width: int, color: int, depth: int, seed: int = 0, **how: object) -> bytes:
    colors = photo(1, 1 << min(depth, 8), 3, seed).tobytes()
    extra = chunk(b"PLTE", colors) if color == 3 else b""
    return png(samples(height, width, color, depth, seed), depth, color, extra=extra, **how)


@pytest.mark.parametrize("interlaced", [False, True], ids=["plain", "interlaced"])
@pytest.mark.parametrize(("color", "depth"), FORMS)
@pytest.mark.parametrize("sides", [(1, 1), (3, 2), (5, 9), (24, 37)], ids="{0[0]}x{0[1]}".format)
def test_every_form_gives_the_pixels_of_opencv(sides, color, depth, interlaced):
    data = make(*sides, color, depth, kinds=range(5), interlaced=interlaced)
    decoded = decode(data, policy=OFFICIAL, size=sides[::-1])
    np.testing.assert_array_equal(decoded.pixels, opencv(data))
    assert decoded.decoder.split()[0] == ("imgread" if depth <= 8 else "opencv")


@given(
    sides=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    form=st.sampled_from([form for form in FORMS if form[1] <= 8]),
    kinds=st.lists(st.integers(0, 4), min_size=1, max_size=7),
    level=st.integers(0, 9),
    piece=st.integers(1, 300),
    interlaced=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_filters_levels_and_pieces_do_not_matter(
    sides, form, kinds, level, piece, interlaced, seed
):
    how = dict(kinds=kinds, level=level, piece=piece, interlaced=interlaced)
    data = make(*sides, *form, seed, **how)
    pixels = decode(data, policy=OFFICIAL, size=sides[::-1]).pixels
    np.testing.assert_array_equal(pixels, opencv(data))


def test_large_images_are_stored_in_many_blocks():
    pixels = photo(300, 401)
    decoded = decode(png(pixels, kinds=(4, 1)), policy=STRICT, size=(401, 300))
    np.testing.assert_array_equal(decoded.pixels, pixels)


def mutants(data: bytes, number: int, seed: int) -> list[bytes]:
    """Copies with a flipped bit, cut short, with lost bytes or an overwritten word."""
    random = np.random.Generator(np.random.PCG64(seed))
    made = []
    for kind in random.integers(0, 4, number):
        place, copy = int(random.integers(len(data))), bytearray(data)
        if kind == 0:
            copy[place] ^= 1 << int(random.integers(8))
        elif kind == 1:
            del copy[place:]
        elif kind == 2:
            del copy[place : place + int(random.integers(1, 9))]
        else:
            copy[place : place + 4] = random.bytes(min(4, len(copy) - place))
        if bytes(copy) != data:
            made.append(bytes(copy))
    return made


def test_two_thousand_damaged_files_are_all_refused():
    for data in mutants(GOOD, 2000, seed=0):
        with pytest.raises(InputError):
            inspect(data, policy=OFFICIAL, size=(32, 24))


def test_damaged_image_data_behind_right_checksums_are_refused_or_harmless():
    compressed, accepted = zlib.compress(image_data(RGB, kinds=range(5))), 0
    for data in mutants(compressed, 2000, seed=1):
        try:
            decoded = decode(assembled(header(32, 24), data), policy=STRICT, size=(32, 24))
        except InputError:
            continue
        np.testing.assert_array_equal(decoded.pixels, RGB)
        accepted += 1
    # a bit of the zlib header that says how hard it tried
    assert accepted < 20


def test_rows_that_were_changed_before_they_were_compressed_score_as_their_pixels():
    rows, refused = image_data(RGB, kinds=range(5)), 0
    for changed in mutants(rows, 300, seed=2):
        data = assembled(header(32, 24), zlib.compress(changed))
        try:
            pixels = decode(data, policy=STRICT, size=(32, 24)).pixels
        except InputError:
            refused += 1
            continue
        np.testing.assert_array_equal(pixels, opencv(data))
    assert 100 < refused < 250


def test_headers_that_were_changed_are_refused_or_decoded_as_opencv_does():
    first = header(32, 24)[8:21]
    for changed in mutants(first, 500, seed=3):
        data = GOOD.replace(header(32, 24), chunk(b"IHDR", changed))
        try:
            pixels = decode(data, policy=OFFICIAL).pixels
        except InputError:
            continue
        np.testing.assert_array_equal(pixels, opencv(data))


PLTE = chunk(b"PLTE", bytes(range(30)))
DATA = chunk(b"IDAT", zlib.compress(image_data(RGB)))
FIRST = header(32, 24)
HALVES = [chunk(b"IDAT", part) for part in (DATA[8:200], DATA[200:-4])]
MALFORMED = {
    "data before the header": (DATA + FIRST + END, "a PNG starts with chunk IHDR of 13 bytes"),
    "two headers": (FIRST + FIRST + DATA + END, "a second chunk IHDR"),
    "no image data": (FIRST + END, "no image data"),
    "data in two places": (
        FIRST + HALVES[0] + chunk(b"tEXt", b"k\0v") + HALVES[1] + END,
        "chunks IDAT are not together",
    ),
    "two palettes": (FIRST + PLTE + PLTE + DATA + END, "a second chunk PLTE"),
    "palette missing": (header(32, 24, 8, 3) + DATA + END, "no palette before the image data"),
    "palette after the data": (
        header(32, 24, 8, 3) + DATA + PLTE + END,
        "no palette before the image data",
    ),
    "palette too long": (
        header(32, 24, 8, 3) + chunk(b"PLTE", bytes(771)) + DATA + END,
        "a palette of 771 bytes",
    ),
    "palette of half colors": (
        header(32, 24, 8, 3) + chunk(b"PLTE", bytes(8)) + DATA + END,
        "a palette of 8 bytes",
    ),
    "suggested palette without a color": (
        FIRST + chunk(b"PLTE") + DATA + END,
        "a palette of 0 bytes",
    ),
    "unknown critical chunk": (FIRST + chunk(b"ABCD") + DATA + END, "critical chunk ABCD"),
    "chunk without a name": (FIRST + chunk(b"ab\0d") + DATA + END, "without a proper name"),
    "frame of an animation": (
        FIRST + DATA + chunk(b"fdAT", bytes(8)) + END,
        "animated PNG; expected a single image",
    ),
    "chunk of 2 GB": (
        FIRST + struct.pack(">I", 2**31 - 1) + DATA[4:] + END,
        "chunk IDAT says 2147483647 bytes",
    ),
    "width 0": (header(0, 24) + DATA + END, "the header says 0 x 24 pixels"),
    "depth 3": (header(32, 24, 3) + DATA + END, "the header holds values that no PNG may have"),
    "color 5": (header(32, 24, 8, 5) + DATA + END, "values that no PNG may have"),
    "interlace 2": (header(32, 24, 8, 2, 2) + DATA + END, "values that no PNG may have"),
    "too many rows": (
        FIRST + chunk(b"IDAT", zlib.compress(image_data(photo(25, 32)))) + END,
        "more image data than the 2328 bytes that the header asks for",
    ),
    "empty data": (FIRST + chunk(b"IDAT") + END, "image data ends early: 0 of 2328 bytes"),
}


@pytest.mark.parametrize(("rest", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_files_are_refused(rest, reason):
    with pytest.raises(InputError, match=reason):
        decode(SIGNATURE + rest, policy=OFFICIAL)


@pytest.mark.parametrize("place", ["before", "after"])
def test_orientation_is_obeyed_wherever_its_chunk_stands(place):
    exif = chunk(b"eXIf", ORIENTATION_6)
    data = GOOD[:-12] + exif + END if place == "after" else GOOD[:33] + exif + GOOD[33:]
    decoded = decode(data, policy=OFFICIAL, size=(24, 32))
    np.testing.assert_array_equal(decoded.pixels, np.rot90(RGB, k=-1))
    np.testing.assert_array_equal(decoded.pixels, opencv(data))


def test_decoders_see_verified_rows_and_nothing_else():
    data = with_chunk(with_chunk(GOOD, b"iCCP", b"profile"), b"eXIf", ORIENTATION_6) + b"trailing"
    first = Header.parse(data)
    chunks = read_chunks(data, first)
    rows = inflate(first, chunks.compressed)
    clean = stored(first, chunks, rows, exif=False)

    assert (chunks.others, chunks.trailing) == (("iCCP",), 8)
    assert rows == image_data(RGB, kinds=range(5))
    assert clean == assembled(header(32, 24), zlib.compress(rows, 0))


def test_files_are_inflated_once(monkeypatch):
    calls = []
    real = inflate
    monkeypatch.setattr(decoding.png, "inflate", lambda *args: calls.append(1) or real(*args))
    for data in (GOOD, png(RGB.astype(np.uint16), 16)):
        decode(data, policy=OFFICIAL)
    assert len(calls) == 2


def test_a_png_read_by_opencv_instead_has_the_same_bits(monkeypatch):
    monkeypatch.setattr(decoding, "imgread", None)
    for color, depth in FORMS:
        data = make(9, 14, color, depth)
        decoded = decode(data, policy=OFFICIAL, size=(14, 9))
        np.testing.assert_array_equal(decoded.pixels, opencv(data))
        assert decoded.decoder.startswith("opencv ")


def test_images_wider_than_imgread_takes_are_left_to_opencv():
    pixels = photo(2, 33_000)
    decoded = decode(png(pixels), policy=STRICT, size=(33_000, 2))
    np.testing.assert_array_equal(decoded.pixels, pixels)
    assert decoded.decoder.startswith("opencv ")


@pytest.mark.parametrize("sides", list(pairwise([1, 2, 3, 5, 8, 13])))
def test_interlaced_rows_are_counted(sides):
    width, height = sides
    first = Header(width, height, 8, 2, interlaced=True)
    expected = len(image_data(photo(height, width), interlaced=True))
    assert sum(rows * stride for rows, stride in first.passes()) == expected
