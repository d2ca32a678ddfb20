import base64
import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from gpu_metrics.intake.decoding import decode
from gpu_metrics.intake.policy import Policy
from gpu_metrics.study.building.pictures import PADDING, beginning, made_alike
from tests.intake.files import opencv, photo

PIXELS = st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)).flatmap(
    lambda shape: arrays(np.uint8, shape)
)


def chunks(data):
    """Kind and body of every chunk, checksums found right."""
    found, place = [], 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        kind, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        assert zlib.crc32(kind + body) == int.from_bytes(data[place + 8 + length :][:4], "big")
        found.append((kind, body))
        place += length + 12
    return found


def files(*pictures):
    beginnings = {str(i): beginning(pixels) for i, pixels in enumerate(pictures)}
    salts = {name: bytes([int(name)]) * 16 for name in beginnings}
    return list(made_alike(beginnings, salts).values())


@given(PIXELS)
def test_every_decoder_reads_the_same_pixels(pixels):
    [data] = files(pixels)
    np.testing.assert_array_equal(opencv(data), pixels)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels)
    found = decode(data, policy=Policy("strict"))
    np.testing.assert_array_equal(found.pixels, pixels)
    assert set(found.notes) <= {"no value is above 1; expected 0..255"}


@given(st.lists(PIXELS, min_size=2, max_size=4))
def test_files_of_a_screen_are_alike(pictures):
    found = files(*pictures)
    assert len({len(data) for data in found}) == 1
    for data, pixels in zip(found, pictures, strict=True):
        kinds, bodies = zip(*chunks(data), strict=True)
        assert kinds == (b"IHDR", b"IDAT", PADDING, b"IEND")
        assert bodies[0] == struct.pack(">IIBBBBB", *pixels.shape[1::-1], 8, 2, 0, 0, 0)
        assert len(zlib.decompress(bodies[1])) == pixels.shape[0] * (1 + 3 * pixels.shape[1])
        assert not any(bodies[2][16:])


def test_files_of_the_same_pixels_have_different_hashes():
    one, other = files(photo(), photo())
    assert one != other and dict(chunks(one)) | {PADDING: b""} == dict(chunks(other)) | {
        PADDING: b""
    }


def test_a_browser_draws_the_same_pixels(browser):
    pixels = photo(40, 56)
    *_, data = files(photo(64, 64, seed=1), pixels)
    page = browser.new_page()
    drawn = page.evaluate(
        """async (url) => {
            const image = new Image();
            image.src = url;
            await image.decode();
            const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
            const brush = canvas.getContext("2d");
            brush.drawImage(image, 0, 0);
            return [...brush.getImageData(0, 0, canvas.width, canvas.height).data];
        }""",
        f"data:image/png;base64,{base64.b64encode(data).decode()}",
    )
    page.close()
    found = np.array(drawn, np.uint8).reshape(40, 56, 4)
    np.testing.assert_array_equal(found[..., :3], pixels)
    assert (found[..., 3] == 255).all()


def test_pillow_finds_no_metadata():
    [data] = files(photo())
    image = Image.open(io.BytesIO(data))
    image.load()
    assert (image.mode, image.info) == ("RGB", {})


def test_padding_is_of_no_importance_to_decoders():
    assert PADDING.isalpha() and len(PADDING) == 4
    assert [bool(byte & 32) for byte in PADDING] == [True, True, False, True]


@pytest.mark.parametrize("seed", [0, 1])
def test_files_are_about_as_small_as_those_of_opencv(seed):
    pixels = photo(256, 256, seed=seed)
    usual = cv2.imencode(".png", pixels[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 6])[1]
    assert len(beginning(pixels)) < 1.15 * len(usual)
