import shutil

import cv2
import numpy as np
import pytest

from gpu_metrics.pairing import find_reference, reference_folders
from gpu_metrics.verify.findings import PixelChange
from gpu_metrics.verify.pixels import pixel_changes
from tests.verify.conftest import PLAIN


@pytest.fixture
def changes(spoiled, tmp_path):
    """Compare a copy of a submission, after `spoil` was done to it, with the original."""

    def compare(spoil):
        copy = shutil.copytree(spoiled.submission, tmp_path / "copy")
        spoil(copy)
        files = find_reference(reference_folders(spoiled.reference), PLAIN)
        return pixel_changes(spoiled.submission, copy, files, PLAIN.images)

    return compare


def edit(path, change):
    image = cv2.imread(str(path))
    cv2.imwrite(str(path), change(image))


def test_equal_pixels_are_found_in_other_files(changes):
    def spoil(folder):
        for path in folder.iterdir():
            image = cv2.imread(str(path))
            cv2.imwrite(str(path), image, [cv2.IMWRITE_PNG_COMPRESSION, 0])

    found = changes(spoil)
    assert set(found) == {"001", "002", "003", "004", "005", "006"}
    assert set(found.values()) == {PixelChange(0, 0.0, 0.0)}


def test_changes_are_counted_in_steps_and_pixels(changes, gallery):
    def change(image):
        image = image.copy()
        image[0, 0] = 255 - image[0, 0]
        image[0, 1, 1] += 1 if image[0, 1, 1] < 255 else -1
        return image

    found = changes(lambda folder: edit(folder / "002.png", change))["002"]
    first = gallery.restored["002"][0, 0].astype(int)
    apart = np.abs(255 - 2 * first)
    assert found.largest == max(apart.max(), 1)
    assert found.mean == pytest.approx((apart.sum() + 1) / (64 * 64 * 3), rel=1e-12)
    assert found.changed == 2 / (64 * 64)


def test_dark_against_bright_does_not_wrap_around(changes):
    def spoil(folder):
        edit(folder / "001.png", lambda image: np.where(image < 128, 255, 0).astype(np.uint8))

    assert changes(spoil)["001"].largest > 127


def test_images_that_cannot_be_compared_are_left_out(changes):
    def spoil(folder):
        (folder / "001.png").write_bytes(b"damaged")
        edit(folder / "002.png", lambda image: image[:-1])

    assert set(changes(spoil)) == {"003", "004", "005", "006"}
