"""What becomes of odd but valid image files; ids begin with a line of the table of bad inputs."""

import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest

from gpu_metrics.errors import InputError
from gpu_metrics.intake.decoding import decode
from gpu_metrics.intake.policy import Policy
from tests.intake.files import ORIENTATION_6, chunk, encoded, opencv, photo, png, with_chunk

OFFICIAL, STRICT = Policy("official"), Policy("strict")
ANY = [pytest.param(OFFICIAL, id="official"), pytest.param(STRICT, id="strict")]
SIZE = (32, 24)
RGB = photo()
GOOD = png(RGB)
DEEP = RGB.astype(np.uint16) * 256 + 77
PALETTE = png(RGB[..., :1] % 7, color=3, extra=chunk(b"PLTE", bytes(range(21))))


def with_alpha(alpha: int) -> np.ndarray:
    return np.dstack([RGB, np.full(RGB.shape[:2], alpha, np.uint8)])


# the file, why strict decoding refuses it, and what official decoding remarks
POLICY = {
    "line-07 JPEG": (encoded(".jpg", RGB), "this is a JPEG file renamed; expected PNG", ()),
    "line-07 WebP": (encoded(".webp", RGB), "this is a WebP file renamed; expected PNG", ()),
    "line-07 BMP": (encoded(".bmp", RGB), "this is a BMP file renamed; expected PNG", ()),
    "line-07 TIFF": (encoded(".tiff", RGB), "this is a TIFF file renamed; expected PNG", ()),
    "line-07 GIF": (encoded(".gif", RGB), "this is a GIF file renamed; expected PNG", ()),
    "line-09 16-bit RGB": (
        png(DEEP, 16),
        "16-bit RGB PNG; expected 8-bit RGB",
        ("16 bits cut to 8",),
    ),
    "line-09 16-bit grey": (
        png(DEEP[..., :1], 16, 0),
        "16-bit grey PNG; expected 8-bit RGB",
        ("16 bits cut to 8", "grey read as RGB"),
    ),
    "line-10 palette": (
        PALETTE,
        "8-bit palette PNG; expected 8-bit RGB",
        ("palette expanded",),
    ),
    "line-11 grey": (
        png(RGB[..., :1], color=0),
        "8-bit grey PNG; expected 8-bit RGB",
        ("grey read as RGB",),
    ),
    "line-12 grey and alpha": (
        png(RGB[..., :2], color=4),
        "8-bit grey with alpha PNG; expected 8-bit RGB",
        ("grey read as RGB", "alpha dropped"),
    ),
    "line-12 RGBA, opaque": (
        png(with_alpha(255), color=6),
        "8-bit RGBA PNG; expected 8-bit RGB",
        ("alpha dropped",),
    ),
    "line-13 RGBA, alpha 0 everywhere": (
        png(with_alpha(0), color=6),
        "8-bit RGBA PNG; expected 8-bit RGB",
        ("alpha dropped",),
    ),
}
BY_POLICY = [pytest.param(*case, id=id_) for id_, case in POLICY.items()]


@pytest.mark.parametrize(("data", "reason", "notes"), BY_POLICY)
def test_refused_when_strict(data, reason, notes):
    with pytest.raises(InputError) as caught:
        decode(data, policy=STRICT, size=SIZE)
    assert str(caught.value) == reason


@pytest.mark.parametrize(("data", "reason", "notes"), BY_POLICY)
def test_official_decoding_gives_the_pixels_of_opencv(data, reason, notes):
    decoded = decode(data, policy=OFFICIAL, size=SIZE)
    np.testing.assert_array_equal(decoded.pixels, opencv(data))
    assert decoded.notes == notes


# files whose pixels are those of the plain one, and what is remarked on them
SAME = {
    "line-14 interlaced": (png(RGB, interlaced=True), ()),
    "line-17 gAMA": (with_chunk(GOOD, b"gAMA", struct.pack(">I", 100_000)), ("ignored: gAMA",)),
    "line-17 iCCP": (
        with_chunk(GOOD, b"iCCP", b"p\0\0" + zlib.compress(b"profile")),
        ("ignored: iCCP",),
    ),
    "line-17 sRGB": (with_chunk(GOOD, b"sRGB", b"\0"), ()),
    "line-20 iCCP bomb": (
        with_chunk(GOOD, b"iCCP", b"p\0\0" + zlib.compress(bytes(100_000_000))),
        ("ignored: iCCP",),
    ),
    "line-20 zTXt bomb": (
        with_chunk(GOOD, b"zTXt", b"k\0\0" + zlib.compress(bytes(100_000_000))),
        (),
    ),
    "transparent color": (with_chunk(GOOD, b"tRNS", bytes(6)), ("ignored: tRNS",)),
    "bytes after the end": (GOOD + b"PK\3\4" * 9, ("ignored: 36 bytes after its end",)),
}


@pytest.mark.parametrize("policy", ANY)
@pytest.mark.parametrize(
    ("data", "notes"), [pytest.param(*case, id=id_) for id_, case in SAME.items()]
)
def test_scored_with_the_same_bits(data, notes, policy):
    decoded = decode(data, policy=policy, size=SIZE)
    np.testing.assert_array_equal(decoded.pixels, RGB)
    assert decoded.notes == notes


# room for the image and no more: what the bomb holds would take 100 MB
FRUGAL = """
import resource, sys
from gpu_metrics.intake.decoding import decode
from gpu_metrics.intake.policy import Policy

data = sys.stdin.buffer.read()
with open("/proc/self/statm") as sizes:
    used = int(sizes.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 20_000_000,) * 2)
print(decode(data, policy=Policy("strict")).pixels.shape)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory by /proc")
@pytest.mark.parametrize("id_", ["line-20 iCCP bomb", "line-20 zTXt bomb"])
def test_bombs_in_metadata_take_no_memory(id_):
    command = [sys.executable, "-c", FRUGAL]
    done = subprocess.run(command, input=SAME[id_][0], capture_output=True, check=True)
    assert done.stdout == b"(24, 32, 3)\n"


def test_line_16_exif_orientation_is_ignored_and_noted_when_strict():
    decoded = decode(with_chunk(GOOD, b"eXIf", ORIENTATION_6), policy=STRICT, size=SIZE)
    np.testing.assert_array_equal(decoded.pixels, RGB)
    assert decoded.notes == ("ignored: eXIf",)


def test_line_16_exif_orientation_is_obeyed_when_official():
    data = with_chunk(GOOD, b"eXIf", ORIENTATION_6)
    decoded = decode(data, policy=OFFICIAL, size=(24, 32))
    np.testing.assert_array_equal(decoded.pixels, np.rot90(RGB, k=-1))
    with pytest.raises(InputError, match="^24 x 32, the reference is 32 x 24; width and height"):
        decode(data, policy=OFFICIAL, size=SIZE)


@pytest.mark.parametrize("policy", ANY)
@pytest.mark.parametrize(
    "sides", [(1, 1), (8, 8), (1, 40), (40, 1)], ids="line-23 {0[0]}x{0[1]}".format
)
def test_small_images_are_decoded(sides, policy):
    pixels = photo(*sides)
    decoded = decode(png(pixels), policy=policy, size=sides[::-1])
    np.testing.assert_array_equal(decoded.pixels, pixels)


@pytest.mark.parametrize("policy", ANY)
def test_line_31_an_image_in_0_to_1_is_remarked_on(policy):
    decoded = decode(png(RGB // 200), policy=policy, size=SIZE)
    assert decoded.notes == ("no value is above 1; expected 0..255",)


@pytest.mark.parametrize("policy", ANY)
def test_plain_images_are_decoded_in_the_process_without_remarks(policy):
    decoded = decode(GOOD, policy=policy, size=SIZE)
    np.testing.assert_array_equal(decoded.pixels, RGB)
    assert decoded.pixels.flags.c_contiguous and decoded.pixels.flags.writeable
    assert (decoded.decoder.split()[0], decoded.notes) == ("imgread", ())
