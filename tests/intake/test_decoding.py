"""The rules around decoding: kinds, sizes, policies, what `inspect` looks at."""

import zlib

import cv2
import numpy as np
import pytest

from gpu_metrics.errors import InputError
from gpu_metrics.intake import decoding
from gpu_metrics.intake.decoding import DECODERS, decode, decode_mask, inspect
from gpu_metrics.intake.kinds import kind_of
from gpu_metrics.intake.policy import Policy, check_size
from gpu_metrics.profiles import form
from tests.intake.files import assembled, chunk, encoded, header, image_data, photo, png

OFFICIAL, STRICT = Policy("official"), Policy("strict")
RGB = photo()
GOOD = png(RGB)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (GOOD, "PNG"),
        (encoded(".jpg", RGB), "JPEG"),
        (encoded(".bmp", RGB), "BMP"),
        (encoded(".gif", RGB), "GIF"),
        (encoded(".tiff", RGB), "TIFF"),
        (encoded(".webp", RGB), "WebP"),
        (b"\0\0\0\x20ftypavif", "AVIF"),
        (encoded(".jp2", photo(64, 64)), "JPEG 2000"),
        (encoded(".ppm", RGB), "PNM"),
        (b"  <!DOCTYPE html>", "HTML"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", "XML"),
        (b"PK\3\4", "zip"),
        (bytes(257) + b"ustar\0", "tar"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\x89\x50", None),
        (b"hello", None),
        (b"", None),
    ],
)
def test_kinds_are_told_by_the_first_bytes(data, kind):
    assert kind_of(data) == kind


def test_strict_policies_take_the_formats_of_their_extensions():
    assert STRICT.kinds == ("PNG",)
    assert Policy("strict", (".jpeg", ".jpg", ".bmp", ".png")).kinds == ("JPEG", "BMP", "PNG")
    assert Policy("strict", form._STRICT).kinds == ("PNG", "JPEG", "BMP")


def test_type_goes_by_content_and_not_by_extension():
    decoded = decode(encoded(".jpg", RGB), policy=Policy("strict", (".png", ".jpg")))
    assert decoded.pixels.shape == RGB.shape
    with pytest.raises(InputError, match="^this is a PNG file renamed; expected JPEG$"):
        decode(GOOD, policy=Policy("strict", (".jpg",)))


def test_sizes():
    check_size(4, 3, (4, 3))
    check_size(3, 4, (4, 3), turned=True)
    check_size(8192, 8192, None)
    with pytest.raises(InputError, match="^8192 x 8193 pixels; at most 67108864 are read$"):
        check_size(8192, 8193, None)
    with pytest.raises(InputError, match="^4 x 2, the reference is 4 x 3$"):
        check_size(4, 2, (4, 3), turned=True)


def test_inspect_looks_at_checksums_and_deeper_only_when_asked_to():
    half = image_data(RGB)[:1000]
    data = assembled(header(32, 24), zlib.compress(half))
    assert inspect(data, policy=STRICT, size=(32, 24)) == ()
    with pytest.raises(InputError, match="^image data ends early: 1000 of 2328 bytes$"):
        inspect(data, policy=STRICT, size=(32, 24), deep=True)
    assert inspect(GOOD + b"x", policy=STRICT, deep=True) == ("ignored: 1 bytes after its end",)


def test_inspect_starts_no_process(monkeypatch):
    monkeypatch.setattr(decoding, "WORKERS", None)
    assert inspect(encoded(".jpg", RGB), policy=OFFICIAL, size=(32, 24)) == ()
    assert inspect(png(RGB.astype(np.uint16), 16), policy=OFFICIAL) == ("16 bits cut to 8",)


def test_no_message_tells_more_than_a_participant_may_know():
    for data in (GOOD[:50], b"", GOOD[:-4], chunk(b"IDAT"), encoded(".jpg", RGB)[:300]):
        with pytest.raises(InputError) as caught:
            decode(data, policy=OFFICIAL, size=(32, 24))
        assert "/" not in str(caught.value)


def test_masks_of_ones_are_scaled_and_damaged_ones_refused():
    ones = (RGB[..., 0] > 100).astype(np.uint8)
    np.testing.assert_array_equal(decode_mask(encoded(".png", ones)), ones * 255)
    np.testing.assert_array_equal(decode_mask(encoded(".png", RGB[..., 0])), RGB[..., 0])
    with pytest.raises(InputError, match="^damaged: checksum of chunk IDAT is wrong$"):
        decode_mask(GOOD[:-20] + b"!" + GOOD[-19:])


@pytest.mark.parametrize("interlaced", [False, True], ids=["plain", "interlaced"])
@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_grey_masks_of_any_depth_are_read_as_opencv_reads_them(depth, interlaced):
    samples = photo(13, 21, 1).astype(np.uint16) << 8 if depth == 16 else photo(13, 21, 1)
    data = png(samples >> max(0, 8 - depth), depth, 0, interlaced=interlaced)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(decode_mask(data), expected)


def test_plain_masks_start_no_process(monkeypatch):
    monkeypatch.setattr(decoding, "WORKERS", None)
    np.testing.assert_array_equal(decode_mask(png(RGB[..., :1], color=0)), RGB[..., 0])


def test_decoders_are_named_with_their_versions():
    assert list(DECODERS) == ["imgread", "deflate", "opencv"]
    assert all(version[0].isdigit() for version in DECODERS.values())
    assert decode(GOOD, policy=STRICT).decoder == f"imgread {DECODERS['imgread']}"
