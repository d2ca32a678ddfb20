import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gpu_metrics.metrics.pool import crop, masked_mean, masked_sum, pixel_count

SHAPE = (2, 5, 7)
integers = arrays(np.int32, SHAPE, elements=st.integers(-(2**31), 2**31 - 1))
masks = arrays(np.bool_, (2, 3, 5, 7))


@given(values=integers, mask=masks)
def test_integer_sums_are_exact(values, mask):
    actual = masked_sum(torch.from_numpy(values), torch.from_numpy(mask))
    for b, r in np.ndindex(actual.shape):
        assert int(actual[b, r]) == sum(int(v) for v in values[b][mask[b, r]])


@given(values=integers)
def test_integer_sums_of_images_are_exact(values):
    actual = masked_sum(torch.from_numpy(values))
    assert actual.tolist() == [sum(int(v) for v in image.flat) for image in values]


@given(mask=masks)
def test_counts_pixels(mask):
    values = torch.zeros(SHAPE)
    assert pixel_count(values, torch.from_numpy(mask)).tolist() == mask.sum(axis=(2, 3)).tolist()
    assert pixel_count(values).tolist() == [35, 35]


def test_mean_agrees_with_numpy(device):
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(3, 31, 41, generator=generator, dtype=torch.float64)
    mask = torch.rand(3, 2, 31, 41, generator=generator) < 0.3

    actual = masked_mean(values.to(device), mask.to(device)).cpu()

    expected = [[v[m].mean().item() for m in ms] for v, ms in zip(values, mask, strict=True)]
    # float64 sums of 400 terms in two orders; the worst measured is 3e-16
    np.testing.assert_allclose(actual, expected, rtol=2e-15)


def test_exact_mean_is_the_mean_of_rounded_values(device):
    generator = torch.Generator().manual_seed(0)
    values = 900 * torch.rand(2, 31, 41, generator=generator, dtype=torch.float64)

    actual = masked_mean(values.to(device), exact=True).cpu()

    for score, image in zip(actual.tolist(), values, strict=True):
        units = sum(round(v * 2**24) for v in image.flatten().tolist())
        assert score == units / 2**24 / (31 * 41)
        # each value moves by half a unit at most
        assert abs(score - math.fsum(image.flatten().tolist()) / (31 * 41)) <= 2**-25


def test_exact_mean_holds_its_documented_range():
    values = torch.tensor(1000.0, dtype=torch.float64).expand(1, 1, 500_000_000)
    # as many pixels as documented would take 4 GB once rounded, so their sum is checked instead
    assert 1000 * 2**24 * values.numel() < 2**63
    assert masked_mean(values[..., :1_000_000], exact=True) == 1000


def test_order_of_terms_moves_no_bit_of_an_exact_mean():
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(1, 1, 4000, generator=generator, dtype=torch.float64)
    shuffled = values[..., torch.randperm(4000, generator=generator)]
    assert torch.equal(masked_mean(values, exact=True), masked_mean(shuffled, exact=True))


@pytest.mark.parametrize("exact", [False, True])
def test_empty_region_is_nan(device, exact):
    values = torch.ones(1, 4, 4, dtype=torch.float64, device=device)
    mask = torch.zeros(1, 2, 4, 4, dtype=torch.bool, device=device)
    mask[0, 1, 2, 3] = True
    nothing, one = masked_mean(values, mask, exact=exact)[0].tolist()
    assert math.isnan(nothing)
    assert one == 1


@pytest.mark.parametrize("stray", [math.nan, math.inf, -math.inf])
def test_values_outside_a_region_are_never_touched(device, stray):
    values = torch.full((1, 4, 4), stray, dtype=torch.float64, device=device)
    mask = torch.zeros(1, 1, 4, 4, dtype=torch.bool, device=device)
    mask[..., 1:3, 1:3] = True
    values[..., 1:3, 1:3] = 2
    assert masked_mean(values, mask).item() == 2


@pytest.mark.parametrize("stray", [math.nan, math.inf, -math.inf])
def test_values_inside_a_region_are_never_dropped(device, stray):
    values = torch.ones(1, 4, 4, dtype=torch.float64, device=device)
    values[0, 0, 0] = stray
    assert not masked_mean(values).isfinite().any()


def test_crop_drops_margins_of_images_and_masks():
    image = torch.arange(5 * 7).view(1, 1, 5, 7)
    assert torch.equal(crop(image, 2), image[..., 2:3, 2:5])
    assert crop(image, 0) is image
    assert crop(None, 2) is None
