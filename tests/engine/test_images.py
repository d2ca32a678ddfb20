"""Images as tensors: files as OpenCV's `imread` gives them, arrays as they are."""

import hashlib
import os

import cv2
import numpy as np
import pytest
import torch

from gpu_metrics.errors import InputError
from gpu_metrics.images import picture_from, picture_of, read_color, read_mask
from gpu_metrics.intake.policy import Policy
from tests.intake.files import ORIENTATION_6, encoded, jpeg_with_exif, png, with_chunk


@pytest.fixture
def photo(draw):
    """RGB, neither square nor symmetric."""
    return draw(40, 56, 7)


@pytest.fixture
def stored(tmp_path):
    """Write bytes, or RGB as OpenCV encodes it."""

    def make(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else encoded(path.suffix, content))
        return path

    return make


def files(photo):
    """A file of each sort that official decoding changes or turns."""
    deep = photo.astype(np.uint16) * 256 + 99
    alpha = np.zeros_like(photo[..., :1])
    return {
        "plain.png": encoded(".png", photo),
        "plain.bmp": encoded(".bmp", photo),
        "baseline.jpg": encoded(".jpg", photo),
        "progressive.jpg": encoded(".jpg", photo, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        "sixteen.png": png(deep, 16),
        "grey.png": encoded(".png", photo[..., 0]),
        "alpha.png": png(np.concatenate([photo, alpha], axis=2), color=6),
        "turned.png": with_chunk(encoded(".png", photo), b"eXIf", ORIENTATION_6),
        "turned.jpg": jpeg_with_exif(encoded(".jpg", photo)),
        "webp.png": encoded(".webp", photo),
    }


@pytest.mark.parametrize("name", files(np.zeros((2, 2, 3), np.uint8)))
def test_files_are_read_as_by_imread(stored, photo, name):
    path = stored(name, files(photo)[name])
    picture = read_color(path)
    rows = picture.pixels.permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(rows, cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1])
    assert picture.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert picture.decoder.split()[0] in ("imgread", "opencv")


@pytest.mark.parametrize("name", files(np.zeros((2, 2, 3), np.uint8)))
def test_masks_are_read_as_by_imread(stored, photo, name):
    path = stored(name, files(photo)[name])
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(read_mask(path).pixels[0], grey)


@pytest.mark.parametrize("name", ["plain.png", "plain.bmp", "baseline.jpg"])
def test_files_cut_short_are_refused(stored, photo, name):
    data = files(photo)[name]
    path = stored(name, data[: len(data) // 2])
    for read in (read_color, read_mask):
        with pytest.raises(InputError, match="^cut short: "):
            read(path)


def test_nothing_is_refused(stored):
    with pytest.raises(InputError, match="^empty file$"):
        read_color(stored("x.png", b""))


def test_a_picture_says_what_was_remarked_and_obeys_policy_and_size(photo):
    data = files(photo)["alpha.png"]
    picture = picture_from(data, size=(56, 40), sha256="known")
    assert (picture.notes, picture.sha256, picture.size) == (
        ("alpha dropped",),
        "known",
        "56 x 40",
    )
    with pytest.raises(InputError, match="^8-bit RGBA PNG; expected 8-bit RGB$"):
        picture_from(data, Policy("strict"))
    with pytest.raises(InputError, match="^56 x 40, the reference is 40 x 56; width and height"):
        picture_from(data, size=(40, 56))


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
    assert torch.equal(picture.pixels, read_color(stored("x.png", photo)).pixels)
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
