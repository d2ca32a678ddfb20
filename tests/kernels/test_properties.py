"""Kernels against their twins on images, regions and schedules that nobody chose."""

import numpy as np
import torch
from cuda_on_cpu import CpuRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import interleaved
from place import Place

from gpu_metrics.kernels.delta_e import delta_e, delta_e_reference
from gpu_metrics.kernels.region_errors import region_errors, region_errors_reference
from gpu_metrics.kernels.ssim_binomial import ssim_binomial, ssim_binomial_reference
from gpu_metrics.kernels.ssim_gaussian import ssim_gaussian, ssim_gaussian_reference


@st.composite
def comparisons(draw, *, min_side=1):
    """Two images with few or many levels, in either layout, a few regions and a schedule."""
    batch, regions = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    height, width = draw(st.integers(min_side, 70)), draw(st.integers(min_side, 70))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    levels = draw(st.sampled_from([1, 2, 256]))
    images = generator.integers(0, levels, (2, batch, 3, height, width), dtype=np.uint8)
    offset = draw(st.integers(0, 256 - levels))
    x, y = torch.from_numpy(images + np.uint8(offset))
    share = draw(st.sampled_from([0, 0.01, 0.5, 1]))
    mask = torch.from_numpy(generator.random((batch, regions, height, width)) < share)
    if draw(st.booleans()):
        x = interleaved(x)
    if draw(st.booleans()):
        y = interleaved(y)
    return x, y, mask, draw(st.integers(0, 99))


def assert_kernel_is_twin(kernel, twin, x, y, mask, seed):
    expected = twin(x, y, mask)
    for place in Place("cpu", CpuRunner(seed)), Place("cpu", None, threads=1 + seed % 3):
        for a, e in zip(place(kernel, x, y, mask), expected, strict=True):
            assert torch.equal(a, e)


# the first example compiles the kernel
unhurried = settings(deadline=None, max_examples=40)


@unhurried
@given(comparisons())
def test_region_errors(comparison):
    assert_kernel_is_twin(region_errors, region_errors_reference, *comparison)


@unhurried
@given(comparisons())
def test_delta_e(comparison):
    assert_kernel_is_twin(delta_e, delta_e_reference, *comparison)


@unhurried
@given(comparisons())
def test_ssim_binomial(comparison):
    assert_kernel_is_twin(ssim_binomial, ssim_binomial_reference, *comparison)


@unhurried
@given(comparisons(min_side=11))
def test_ssim_gaussian(comparison):
    assert_kernel_is_twin(ssim_gaussian, ssim_gaussian_reference, *comparison)
