import hashlib
import os
import struct
import zlib

import cv2
import numpy as np
import pytest
import torch

from gpu_metrics.errors import InputError
from gpu_metrics.images import picture_of, read_color, read_mask

NO_IMAGE = "cannot be decoded as an image; it is damaged or no image at all"

# TIFF header and one entry: orientation (0x0112), a short, 1 value, 6 = rotated by a quarter
ORIENTATION_6 = b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)


@pytest.fixture
def photo(draw):
    """RGB, neither square nor symmetric."""
    return draw(40, 56, 7)


@pytest.fixture
def stored(tmp_path):
    """Write bytes, or an array as OpenCV encodes it."""

    def make(name, content, options=()):
        if not isinstance(content, bytes):
            done, encoded = cv2.imencode(name[name.index(".") :], content, list(options))
            assert done
            content = encoded.tobytes()
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return make


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def palette_png(indices, colors):
    height, width = indices.shape
    rows = b"".join(b"\0" + row.tobytes() for row in indices)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = [(b"IHDR", header), (b"PLTE", colors.tobytes()), (b"IDAT", zlib.compress(rows))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*p) for p in [*parts, (b"IEND", b"")])


def with_exif(data):
    if data.startswith(b"\xff\xd8"):
        body = b"Exif\0\0" + ORIENTATION_6
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]
    return data[:33] + chunk(b"eXIf", ORIENTATION_6) + data[33:]


def check_as_opencv(path):
    """The pixels of a file, once they are seen to be those of `cv2.imread`."""
    picture = read_color(path)
    rows = picture.pixels.permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(rows, cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1])
    assert picture.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    return rows


@pytest.mark.parametrize("ending", [".png", ".bmp"])
def test_lossless_files_give_their_pixels(stored, photo, ending):
    rows = check_as_opencv(stored(f"x{ending}", photo[..., ::-1]))
    np.testing.assert_array_equal(rows, photo)


@pytest.mark.parametrize("progressive", [0, 1])
def test_jpeg_is_read_as_opencv_reads_it(stored, photo, progressive):
    options = cv2.IMWRITE_JPEG_PROGRESSIVE, progressive, cv2.IMWRITE_JPEG_QUALITY, 95
    rows = check_as_opencv(stored("x.jpg", photo[..., ::-1], options))
    assert np.abs(rows.astype(int) - photo).mean() < 3


def test_sixteen_bits_are_cut_to_eight(stored, photo):
    low = np.arange(photo.size, dtype=np.uint16).reshape(photo.shape) % 256
    deep = photo.astype(np.uint16) * 256 + low
    np.testing.assert_array_equal(check_as_opencv(stored("x.png", deep[..., ::-1])), photo)


def test_grey_becomes_three_equal_channels(stored, photo):
    rows = check_as_opencv(stored("x.png", photo[..., 0]))
    np.testing.assert_array_equal(rows, np.repeat(photo[..., :1], 3, axis=2))


def test_palettes_are_expanded(stored):
    indices = np.arange(48, dtype=np.uint8).reshape(6, 8) % 5
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 8, 7], [1, 2, 3]], np.uint8)
    rows = check_as_opencv(stored("x.png", palette_png(indices, colors)))
    np.testing.assert_array_equal(rows, colors[indices])


def test_alpha_is_dropped_and_never_blended(stored, photo):
    alpha = np.zeros_like(photo[..., :1])
    rows = check_as_opencv(stored("x.png", np.concatenate([photo[..., ::-1], alpha], axis=2)))
    np.testing.assert_array_equal(rows, photo)


@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_exif_orientation_is_applied(stored, photo, ending):
    upright = check_as_opencv(stored(f"upright{ending}", photo[..., ::-1]))
    data = with_exif((stored(f"again{ending}", photo[..., ::-1])).read_bytes())
    turned = check_as_opencv(stored(f"turned{ending}", data))
    np.testing.assert_array_equal(turned, np.rot90(upright, k=-1))


def test_masks_are_turned_as_images_are(stored, photo):
    data = with_exif(stored("x.png", photo[..., 0]).read_bytes())
    mask = read_mask(stored("turned.png", data)).pixels[0].numpy()
    np.testing.assert_array_equal(mask, np.rot90(photo[..., 0], k=-1))


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.bmp"])
def test_files_cut_short_are_refused(stored, photo, name, kept):
    data = stored(name, photo[..., ::-1]).read_bytes()
    path = stored(name, data[: int(len(data) * kept)])
    for read in (read_color, read_mask):
        with pytest.raises(InputError, match=f"^{NO_IMAGE}$"):
            read(path)


def test_a_jpeg_without_its_end_is_refused_whatever_the_decoder_makes_of_it(
    stored, photo, monkeypatch
):
    data = stored("x.jpg", photo[..., ::-1]).read_bytes()
    path = stored("cut.jpg", data[: len(data) // 2])
    # as OpenCV 4 does, which fills the rest with grey
    monkeypatch.setattr(cv2, "imdecode", lambda data, flags: photo)
    with pytest.raises(InputError, match=NO_IMAGE):
        read_color(path)
    assert read_color(stored("whole.jpg", data)).size == "56 x 40"


def test_a_flipped_bit_is_refused(stored, photo):
    data = bytearray(stored("x.png", photo[..., ::-1]).read_bytes())
    data[len(data) // 2] ^= 0x10
    with pytest.raises(InputError, match=NO_IMAGE):
        read_color(stored("x.png", bytes(data)))


@pytest.mark.parametrize("content", [b"<html>404</html>", b"\x89PNG\r\n\x1a\n", b"\0" * 500])
def test_what_is_no_image_is_refused(stored, content):
    with pytest.raises(InputError, match=NO_IMAGE):
        read_color(stored("x.png", content))


def test_nothing_is_refused(stored):
    with pytest.raises(InputError, match="^empty file$"):
        read_color(stored("x.png", b""))


def test_a_header_of_absurd_size_is_refused(stored):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    with pytest.raises(InputError, match="cannot be decoded as an image"):
        read_color(stored("x.png", bomb))


def test_files_that_cannot_be_read_are_refused_without_their_path(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InputError, match="^not a regular file$"):
        read_color(tmp_path / "pipe.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "absent")
    with pytest.raises(InputError, match="^cannot be read: No such file or directory$"):
        read_color(tmp_path / "link.png")


@pytest.mark.parametrize("white", [1, 255])
def test_masks_of_ones_and_of_255_are_the_same(stored, white):
    people = np.array([[0, 1, 1], [1, 0, 0]], np.uint8)
    mask = read_mask(stored("x.png", people * np.uint8(white)))
    np.testing.assert_array_equal(mask.pixels[0], people * np.uint8(255))


def test_soft_masks_keep_their_greys(stored):
    ramp = np.arange(256, dtype=np.uint8).reshape(8, 32)
    path = stored("x.png", ramp)
    np.testing.assert_array_equal(read_mask(path).pixels[0], ramp)

    path = stored("x.jpg", cv2.GaussianBlur(ramp, (0, 0), 3))
    expected = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(read_mask(path).pixels[0], expected)


def test_an_empty_mask_stays_empty(stored):
    assert not read_mask(stored("x.png", np.zeros((4, 5), np.uint8))).pixels.any()


@pytest.mark.parametrize("kind", ["array", "reversed view", "tensor", "channels-last tensor"])
def test_pixels_in_memory_are_those_of_a_file(stored, photo, kind):
    held = {
        "array": photo,
        "reversed view": photo[::-1][::-1],
        "tensor": torch.from_numpy(photo).permute(2, 0, 1).contiguous(),
        "channels-last tensor": torch.from_numpy(photo).permute(2, 0, 1),
    }[kind]
    picture = picture_of(held)
    assert torch.equal(picture.pixels, read_color(stored("x.png", photo[..., ::-1])).pixels)
    assert picture.sha256 == hashlib.sha256(photo.tobytes()).hexdigest()
    assert picture.size == "56 x 40"


def test_pixels_in_memory_are_copied(photo):
    array = photo.copy()
    tensor = torch.from_numpy(photo.copy()).permute(2, 0, 1)
    for held in (array, tensor):
        picture = picture_of(held)
        held[:] = 0
        np.testing.assert_array_equal(picture.pixels.permute(1, 2, 0), photo)


def test_read_only_arrays_are_taken(photo):
    photo.flags.writeable = False
    np.testing.assert_array_equal(picture_of(photo).pixels.permute(1, 2, 0), photo)


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (np.zeros((4, 5, 3)), "(H, W, 3), got float64 (4, 5, 3)"),
        (np.zeros((4, 5), np.uint8), "(H, W, 3), got uint8 (4, 5)"),
        (np.zeros((3, 4, 5), np.uint8), "(H, W, 3), got uint8 (3, 4, 5)"),
        (np.zeros((4, 5, 4), np.uint8), "(H, W, 3), got uint8 (4, 5, 4)"),
        (np.zeros((4, 5, 3), object), "(H, W, 3), got object (4, 5, 3)"),
        (torch.zeros(3, 4, 5), "(3, H, W), got torch.float32 (3, 4, 5)"),
        (torch.zeros(4, 5, 3, dtype=torch.uint8), "(3, H, W), got torch.uint8 (4, 5, 3)"),
        (torch.zeros(1, 3, 4, 5, dtype=torch.uint8), "(3, H, W), got torch.uint8 (1, 3, 4, 5)"),
    ],
)
def test_other_arrays_are_refused(held, message):
    with pytest.raises(InputError) as caught:
        picture_of(held)
    assert str(caught.value) == f"expected a uint8 RGB image {message}"


@pytest.mark.parametrize("held", [None, "x.png", [[0]]])
def test_what_is_no_array_is_refused(held):
    with pytest.raises(InputError, match="^expected an array or a tensor, got "):
        picture_of(held)
