import inspect
import mmap

import cv2
import numpy as np
import pytest
import torch
from cuda_on_cpu import CpuRunner
from pictures import SIZES, all_regions, interleaved, noise, pair, region
from place import Place

from gpu_metrics.errors import InputError
from gpu_metrics.kernels.fixed_point import STEP
from gpu_metrics.kernels.region_errors import region_errors, region_errors_reference


def assert_equal(actual, expected):
    for name, a, e in zip(actual._fields, actual, expected, strict=True):
        assert torch.equal(a, e), f"{name}: {a.tolist()} is not {e.tolist()}"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_matches_twin_under_any_schedule(any_schedule, size):
    x, y, mask = noise(2, *size, seed=1), noise(2, *size, seed=2), all_regions(2, *size)
    assert_equal(any_schedule(region_errors, x, y, mask), region_errors_reference(x, y, mask))


def test_matches_twin_over_several_blocks(any_schedule):
    (x, y), mask = pair(1, 97, 131), region("random", 1, 97, 131)
    assert_equal(any_schedule(region_errors, x, y, mask), region_errors_reference(x, y, mask))


@pytest.mark.parametrize("size", [(8, 8), (37, 53)])
@pytest.mark.parametrize("x_layout", [torch.Tensor.contiguous, interleaved])
@pytest.mark.parametrize("y_layout", [torch.Tensor.contiguous, interleaved])
def test_matches_twin_in_any_layout(on_kernel, size, x_layout, y_layout):
    (x, y), mask = pair(3, *size), all_regions(3, *size)
    expected = region_errors_reference(x, y, mask)
    assert_equal(on_kernel(region_errors, x_layout(x), y_layout(y), mask), expected)


def test_sums_agree_with_numpy_and_opencv(on_kernel):
    x, y, mask = noise(2, 64, 65, seed=1), noise(2, 64, 65, seed=2), all_regions(2, 64, 65)

    actual = on_kernel(region_errors, x, y, mask)

    for i in range(2):
        u, v = (image[i].permute(1, 2, 0).numpy() for image in (x, y))
        squared = (u.astype(np.int64) - v) ** 2
        lab_u, lab_v = (cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(float) for image in (u, v))
        distance = np.linalg.norm(lab_u - lab_v, axis=-1)
        for r, inside in enumerate(mask[i].numpy()):
            assert actual.pixels[i, r] == inside.sum()
            assert actual.squared[i, r].tolist() == squared[inside].sum(axis=0).tolist()
            # each pixel is rounded to half a step at most
            expected = distance[inside].sum()
            assert abs(actual.lab[i, r] * STEP - expected) <= inside.sum() * STEP / 2 + 1e-9


def test_identical_images_have_no_error(on_kernel):
    x, mask = noise(1, 31, 31), all_regions(1, 31, 31)
    errors = on_kernel(region_errors, x, x, mask)
    assert errors.pixels.tolist() == mask.sum(dim=(-2, -1)).tolist()
    assert not errors.squared.any() and not errors.lab.any()


def test_is_symmetric(on_kernel):
    (x, y), mask = pair(1, 37, 53), all_regions(1, 37, 53)
    assert_equal(on_kernel(region_errors, x, y, mask), on_kernel(region_errors, y, x, mask))


def test_black_against_white_has_the_closed_form(on_kernel):
    black, mask = torch.zeros(1, 3, 12, 40, dtype=torch.uint8), region("everywhere", 1, 12, 40)
    errors = on_kernel(region_errors, black, 255 - black, mask)
    assert errors.squared.tolist() == [[[480 * 255**2] * 3]]
    # L runs from 0 to 255 in 8-bit Lab
    assert errors.lab.tolist() == [[480 * 255 * 2**24]]


def test_one_level_in_one_pixel_counts_one(on_kernel):
    x, mask = noise(1, 37, 53) // 2, region("everywhere", 1, 37, 53)
    y = x.clone()
    y[0, 1, 20, 20] += 1
    assert on_kernel(region_errors, x, y, mask).squared.tolist() == [[[0, 1, 0]]]


def test_pixels_outside_a_region_do_not_matter(on_kernel):
    (x, y), mask = pair(1, 37, 53), region("random", 1, 37, 53)
    other = torch.where(mask, x, noise(1, 37, 53, seed=9))
    assert_equal(on_kernel(region_errors, other, y, mask), on_kernel(region_errors, x, y, mask))


def test_two_halves_add_up_to_the_whole(on_kernel):
    (x, y), half = pair(1, 37, 53), region("random", 1, 37, 53)
    mask = torch.cat([half, ~half, half | ~half], dim=1)
    for sums in on_kernel(region_errors, x, y, mask):
        assert torch.equal(sums[:, 0] + sums[:, 1], sums[:, 2])


def test_order_of_pixels_does_not_matter(on_kernel):
    (x, y), mask = pair(1, 37, 53), region("random", 1, 37, 53)
    flipped = (t.flip(-1, -2).transpose(-1, -2) for t in (x, y, mask))
    assert_equal(on_kernel(region_errors, *flipped), on_kernel(region_errors, x, y, mask))


def test_score_does_not_depend_on_batch_mates(on_kernel):
    (x, y), mask = pair(5, 31, 31), all_regions(5, 31, 31)
    together = on_kernel(region_errors, x, y, mask)
    order = [3, 0, 4, 1, 2]
    permuted = on_kernel(region_errors, x[order], y[order], mask[order])
    assert_equal(permuted, type(together)(*(sums[order] for sums in together)))
    for i in range(5):
        alone = on_kernel(region_errors, x[i : i + 1], y[i : i + 1], mask[i : i + 1])
        assert_equal(alone, type(together)(*(sums[i : i + 1] for sums in together)))


def test_reference_broadcast_over_the_batch_is_read_in_place(on_kernel):
    (x, _), (_, y) = pair(4, 12, 40), pair(1, 12, 40)
    mask = all_regions(1, 12, 40)
    expected = region_errors_reference(x, y.repeat(4, 1, 1, 1), mask.repeat(4, 1, 1, 1))
    shared = y.expand(4, -1, -1, -1), mask.expand(4, -1, -1, -1)
    assert_equal(on_kernel(region_errors, x, *shared), expected)


def test_crops_are_accepted(on_kernel):
    (x, y), mask = pair(2, 40, 50), all_regions(2, 40, 50)
    window = (..., slice(3, 20), slice(5, 41))
    expected = region_errors_reference(*(t[window].contiguous() for t in (x, y, mask)))
    assert_equal(on_kernel(region_errors, x[window], y[window], mask[window]), expected)


def test_offsets_beyond_32_bits_are_reached():
    gap = 2**32 + 4096
    # pages that nobody writes take no memory
    reserved = mmap.mmap(-1, 2 * gap, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
    storage = torch.frombuffer(reserved, dtype=torch.uint8)
    x = storage.as_strided((2, 3, 12, 40), (gap, 480, 40, 1))
    y = noise(2, 12, 40, seed=2)
    x.copy_(noise(2, 12, 40, seed=1))
    mask = region("everywhere", 2, 12, 40)
    actual = Place("cpu", CpuRunner())(region_errors, x, y, mask)
    assert_equal(actual, region_errors_reference(x.clone(), y, mask))


def test_an_empty_batch_gives_empty_sums():
    x = torch.zeros(0, 3, 5, 5, dtype=torch.uint8)
    errors = region_errors(x, x, torch.zeros(0, 2, 5, 5, dtype=torch.bool))
    assert errors.pixels.shape == (0, 2) and errors.squared.shape == (0, 2, 3)


@pytest.mark.parametrize(
    ("x", "y", "mask", "message"),
    [
        (noise(1, 5, 5).float(), noise(1, 5, 5).float(), region("row", 1, 5, 5), "uint8"),
        (noise(1, 5, 5), noise(1, 5, 6), region("row", 1, 5, 5), "equal shapes"),
        (noise(1, 5, 5), noise(1, 5, 5), region("row", 1, 5, 6), "mask"),
        (noise(1, 5, 5)[:, :1], noise(1, 5, 5)[:, :1], region("row", 1, 5, 5), "3 channels"),
    ],
)
def test_rejects_what_does_not_fit(x, y, mask, message):
    # without the annotations, which are checked in tests only
    unannotated = inspect.unwrap(region_errors)
    with pytest.raises(InputError, match=message):
        unannotated(x, y, mask)
