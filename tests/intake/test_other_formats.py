"""JPEG, BMP and the formats that only OpenCV knows."""

import struct

import cv2
import numpy as np
import pytest

from gpu_metrics.errors import InputError
from gpu_metrics.intake.decoding import decode, decode_mask, inspect
from gpu_metrics.intake.policy import Policy
from tests.intake.files import encoded, jpeg_with_exif, opencv, photo

OFFICIAL = Policy("official")
STRICT = Policy("strict", (".png", ".jpg", ".jpeg", ".bmp"))
ANY = [pytest.param(OFFICIAL, id="official"), pytest.param(STRICT, id="strict")]
RGB = photo(41, 58)
SIZE = (58, 41)
JPEG = encoded(".jpg", RGB)
BMP = encoded(".bmp", RGB)
SCAN = JPEG.index(b"\xff\xda")
SCAN += 2 + int.from_bytes(JPEG[SCAN + 2 : SCAN + 4], "big")
FRAME = JPEG.index(b"\xff\xc0")
END = b"\xff\xd9"


def changed(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


@pytest.mark.parametrize("policy", ANY)
@pytest.mark.parametrize("progressive", [0, 1])
@pytest.mark.parametrize("sampling", [0x411111, 0x420000 | 0x2111, 0x221111, 0x111111])
@pytest.mark.parametrize("sides", [(1, 1), (7, 9), (41, 58)])
def test_jpegs_have_the_pixels_of_opencv(sides, sampling, progressive, policy):
    options = cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive
    data = encoded(".jpg", photo(*sides), *options)
    decoded = decode(data, policy=policy, size=sides[::-1])
    np.testing.assert_array_equal(decoded.pixels, opencv(data))
    assert decoded.notes == ()


@pytest.mark.parametrize("policy", ANY)
@pytest.mark.parametrize("data", [JPEG, BMP], ids=["JPEG", "BMP"])
def test_bytes_after_the_end_are_ignored_and_noted(data, policy):
    decoded = decode(data + b"PK\3\4", policy=policy, size=SIZE)
    np.testing.assert_array_equal(decoded.pixels, opencv(data))
    assert decoded.notes == ("ignored: 4 bytes after its end",)


def test_orientation_of_a_jpeg_is_obeyed_when_official():
    decoded = decode(jpeg_with_exif(JPEG), policy=OFFICIAL, size=(41, 58))
    np.testing.assert_array_equal(decoded.pixels, np.rot90(opencv(JPEG), k=-1))
    assert decoded.notes == ()
    with pytest.raises(InputError, match="^41 x 58, the reference is 58 x 41; width and height"):
        decode(jpeg_with_exif(JPEG), policy=OFFICIAL, size=SIZE)


def test_orientation_of_a_jpeg_is_ignored_when_strict():
    decoded = decode(jpeg_with_exif(JPEG), policy=STRICT, size=SIZE)
    np.testing.assert_array_equal(decoded.pixels, opencv(JPEG))
    assert decoded.notes == ("ignored: EXIF",)


# image data of a JPEG carry no checksum: these are the faults that show
DAMAGED = {
    "cut": (JPEG[: SCAN + 100], "cut short: .* bytes without an end-of-image marker"),
    "cut in a segment": (JPEG[:100], "cut short: a segment says"),
    "no rows": (JPEG[:SCAN] + END, "image data is damaged: premature end of data segment"),
    "half of the rows": (
        JPEG[: (SCAN + len(JPEG)) // 2] + END,
        "image data is damaged: premature end of data segment",
    ),
    "two frames": (
        JPEG[:FRAME] + JPEG[FRAME : FRAME + 19] + JPEG[FRAME:],
        "damaged: a second frame",
    ),
    "no frame": (JPEG[:FRAME] + JPEG[FRAME + 19 :], "damaged: image data before the size"),
    "no scan": (JPEG[: FRAME + 19] + END, "damaged: no image data"),
    "frame cut": (changed(JPEG, FRAME + 9, b"\4"), "damaged: the segment that holds the size"),
    "no height": (changed(JPEG, FRAME + 5, b"\0\0"), "damaged: the header says 58 x 0 pixels"),
    "no marker": (changed(JPEG, FRAME, b"\0"), "damaged: something else where a marker is due"),
    "size": (encoded(".jpg", RGB[:-1]), "58 x 40, the reference is 58 x 41"),
    "bomb": (changed(JPEG, FRAME + 5, b"\xff\xff\xff\xff"), "65535 x 65535, the reference is"),
}


@pytest.mark.parametrize("policy", ANY)
@pytest.mark.parametrize(("data", "reason"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_jpegs_are_refused(data, reason, policy):
    with pytest.raises(InputError, match=f"^{reason}"):
        decode(data, policy=policy, size=SIZE)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(
            encoded(".jpg", RGB[..., 0]), "8-bit grey JPEG; expected 8-bit color", id="grey"
        ),
        pytest.param(
            changed(JPEG, FRAME + 4, b"\x0c"), "12-bit color JPEG; expected 8-bit", id="12-bit"
        ),
        pytest.param(
            changed(JPEG, FRAME + 1, b"\xc9"),
            "lossless or arithmetic-coded 8-bit color JPEG; expected 8-bit color",
            id="arithmetic",
        ),
        pytest.param(
            encoded(".bmp", RGB[..., 0]), "8-bit BMP; expected 24-bit", id="BMP with a palette"
        ),
    ],
)
def test_what_is_not_plain_is_refused_when_strict(data, reason):
    with pytest.raises(InputError, match=f"^{reason}"):
        decode(data, policy=STRICT, size=SIZE)


def test_grey_jpegs_are_read_as_rgb_when_official():
    data = encoded(".jpg", RGB[..., 0])
    decoded = decode(data, policy=OFFICIAL, size=SIZE)
    np.testing.assert_array_equal(decoded.pixels, opencv(data))
    assert decoded.notes == ("grey read as RGB",)


def test_damage_of_one_jpeg_is_not_charged_to_the_next():
    for _ in range(3):
        with pytest.raises(InputError, match="premature end"):
            decode(DAMAGED["no rows"][0], policy=OFFICIAL, size=SIZE)
        decoded = decode(JPEG, policy=OFFICIAL, size=SIZE)
        np.testing.assert_array_equal(decoded.pixels, opencv(JPEG))


def test_mutants_of_a_jpeg_are_refused_or_score_as_their_pixels():
    random = np.random.Generator(np.random.PCG64(4))
    refused = 0
    for _ in range(300):
        data = bytearray(JPEG)
        data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
        try:
            pixels = decode(bytes(data), policy=OFFICIAL, size=SIZE).pixels
        except InputError:
            refused += 1
            continue
        np.testing.assert_array_equal(pixels, opencv(bytes(data)))
    assert refused > 50


@pytest.mark.parametrize("policy", ANY)
@pytest.mark.parametrize("flipped", [False, True], ids=["bottom-up", "top-down"])
def test_bmps_give_their_pixels(flipped, policy):
    data = BMP
    if flipped:
        row = (3 * SIZE[0] + 3) // 4 * 4
        rows = [BMP[54 + i * row : 54 + (i + 1) * row] for i in range(SIZE[1])]
        data = changed(BMP, 22, struct.pack("<i", -SIZE[1]))[:54] + b"".join(reversed(rows))
    decoded = decode(data, policy=policy, size=SIZE)
    np.testing.assert_array_equal(decoded.pixels, RGB)


BAD_BMPS = {
    "cut": (BMP[:-1], "cut short: .* of .* bytes"),
    "cut in the header": (BMP[:20], "cut short: 20 bytes, a BMP's header alone has 26"),
    "header": (changed(BMP, 14, b"\7"), "damaged: a header of 7 bytes"),
    "planes": (changed(BMP, 26, b"\2"), "damaged: the header holds values"),
    "bits": (changed(BMP, 28, b"\3"), "damaged: the header holds values"),
    "width": (changed(BMP, 18, bytes(4)), "damaged: the header holds values"),
    "size": (encoded(".bmp", RGB[:, :-1]), "57 x 41, the reference is 58 x 41"),
}


@pytest.mark.parametrize("policy", ANY)
@pytest.mark.parametrize(("data", "reason"), BAD_BMPS.values(), ids=BAD_BMPS)
def test_bad_bmps_are_refused(data, reason, policy):
    with pytest.raises(InputError, match=f"^{reason}"):
        inspect(data, policy=policy, size=SIZE)


@pytest.mark.parametrize("ending", [".webp", ".tiff", ".gif", ".ppm", ".ras", ".jp2", ".hdr"])
def test_other_formats_are_official_only(ending):
    data = encoded(ending, RGB if ending != ".hdr" else RGB.astype(np.float32) / 255)
    decoded = decode(data, policy=OFFICIAL, size=SIZE)
    np.testing.assert_array_equal(decoded.pixels, opencv(data))
    with pytest.raises(InputError, match=r"^this is .* file renamed; expected PNG or JPEG or BMP$"):
        decode(data, policy=STRICT, size=SIZE)
    for kept in (0.3, 0.9):
        with pytest.raises(InputError, match="^cannot be decoded as an image; it is damaged"):
            decode(data[: int(kept * len(data))], policy=OFFICIAL, size=SIZE)


def test_other_formats_of_another_size_are_refused():
    with pytest.raises(InputError, match="^40 x 41, the reference is 58 x 41$"):
        decode(encoded(".tiff", RGB[:, :40]), policy=OFFICIAL, size=SIZE)
    with pytest.raises(InputError, match="^116 x 41 pixels; expected 2378 in all$"):
        decode(encoded(".webp", np.tile(RGB, (1, 2, 1))), policy=OFFICIAL, size=SIZE)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".bmp"])
def test_masks_are_read_as_opencv_reads_grey(ending):
    data = encoded(ending, RGB)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(decode_mask(data), expected)
