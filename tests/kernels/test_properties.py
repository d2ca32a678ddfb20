"""Kernels against their twins and the laws, on images, regions and schedules nobody chose."""

import mmap
from functools import partial

import numpy as np
import pytest
import torch
from cuda_on_cpu import CpuRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pictures import all_regions, interleaved, pair
from place import Place

from gpu_metrics.kernels.delta_e import delta_e, delta_e_reference
from gpu_metrics.kernels.fixed_point import STEP
from gpu_metrics.kernels.lpips_pool import lpips_pool, lpips_pool_reference
from gpu_metrics.kernels.region_errors import region_errors, region_errors_reference
from gpu_metrics.kernels.ssim_binomial import ssim_binomial, ssim_binomial_reference
from gpu_metrics.kernels.ssim_gaussian import ssim_gaussian, ssim_gaussian_reference

PIXELWISE = {
    "region_errors": region_errors,
    "ciede2000": delta_e,
    "cie76": partial(delta_e, formula="cie76"),
}
WINDOWS = {"ssim_binomial": ssim_binomial, "ssim_gaussian": ssim_gaussian}
KERNELS = PIXELWISE | WINDOWS
# an index of a pixel beyond this needs more than 32 bits
FAR = 2**32

of = pytest.mark.parametrize


@st.composite
def comparisons(draw, *, min_side=1, max_side=70):
    """Two images with few or many levels, in either layout, a few regions and a schedule."""
    batch, regions = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    sides = st.integers(min_side, max_side)
    height, width = draw(sides), draw(sides)
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


@st.composite
def layers(draw):
    """Features of a layer for two images, with some of them equal, heads, regions, a schedule."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    batch, regions = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    channels, height, width = (draw(st.integers(1, most)) for most in (40, 13, 13))
    shape = batch, channels, height, width
    x, y = (torch.randn(shape, generator=generator).relu() for _ in range(2))
    same = torch.rand(shape, generator=generator) < draw(st.sampled_from([0, 0.5, 1]))
    y = torch.where(same, x, y)
    heads = torch.rand(channels, generator=generator)
    weights = torch.rand(batch, regions, height, width, generator=generator).double()
    weights /= weights.sum(dim=(-2, -1), keepdim=True)
    if draw(st.booleans()):
        x = interleaved(x)
    return x, y, heads, weights, draw(st.integers(0, 99))


@unhurried
@given(layers())
def test_lpips_pool(drawn):
    x, y, heads, weights, seed = drawn
    expected = lpips_pool_reference(x, y, heads, weights)
    for place in Place("cpu", CpuRunner(seed)), Place("cpu", None, threads=1 + seed % 3):
        found = place(lpips_pool, x, y, heads, weights)
        assert torch.equal(found, expected)
        assert torch.equal(place(lpips_pool, y, x, heads, weights), expected)
        assert (place(lpips_pool, x, x, heads, weights) == 0).all()
        assert (found >= 0).all() and found.isfinite().all()
        flipped = place(lpips_pool, x.flip(0), y.flip(0), heads, weights.flip(0)).flip(0)
        assert torch.equal(flipped, expected)
        assert torch.equal(place(lpips_pool, x[:1], y[:1], heads, weights[:1]), expected[:1])


@unhurried
@given(layers())
def test_lpips_pool_sees_no_position_without_weight(drawn):
    x, y, heads, weights, seed = drawn
    weights[..., 0, :] = 0
    changed = x.clone()
    changed[..., 0, :] = 7
    for place in Place("cpu", CpuRunner(seed)), Place("cpu", None, threads=1 + seed % 3):
        assert torch.equal(
            place(lpips_pool, changed, y, heads, weights), place(lpips_pool, x, y, heads, weights)
        )


few = settings(
    max_examples=6,
    derandomize=True,
    # a place keeps nothing from one example to the next
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def scenes():
    """Small images, as large as the largest window at least."""
    return comparisons(min_side=11, max_side=20)


@pytest.fixture
def sums(on_kernel):
    """A kernel's integers of each region, side by side: pixels first, `(B, R, K)`."""

    def run(name, x, y, mask):
        parts = on_kernel(KERNELS[name], x, y, mask)
        return torch.cat([part.reshape(*mask.shape[:2], -1) for part in parts], dim=-1)

    return run


def replaced(image, where, seed):
    """`image` with other pixels wherever `where` is true."""
    other = torch.randint(256, image.shape, generator=torch.Generator().manual_seed(seed))
    return torch.where(where, other.to(torch.uint8), image)


@of("name", KERNELS)
@few
@given(scene=scenes())
def test_identical_images_have_the_best_sums(sums, name, scene):
    x, _, mask, _ = scene
    found = sums(name, x, x, mask)
    best = found[..., :1] / STEP if name in WINDOWS else 0
    assert (found[..., 1:] == best).all()


@of("name", KERNELS)
@few
@given(scene=scenes())
def test_sums_are_symmetric_and_stay_within_bounds(sums, name, scene):
    x, y, mask, _ = scene
    found = sums(name, x, y, mask)
    assert torch.equal(found, sums(name, y, x, mask))
    pixels, values = found[..., :1], found[..., 1:]
    assert (pixels >= 0).all() and (pixels[..., 0] <= mask.sum(dim=(-2, -1))).all()
    if name in WINDOWS:
        assert (values.abs() <= pixels / STEP).all()
    else:
        # the ends of 8-bit Lab; green against blue in CIE Lab
        farthest = [255**2] * 3 + [442 / STEP] if name == "region_errors" else [259 / STEP]
        assert (values >= 0).all() and (values <= pixels * torch.tensor(farthest)).all()


@of("name", KERNELS)
@few
@given(scene=scenes())
def test_disjoint_regions_add_up_exactly(sums, name, scene):
    x, y, mask, seed = scene
    whole = mask[:, :1]
    first = torch.rand(whole.shape, generator=torch.Generator().manual_seed(seed)) < 0.5
    found = sums(name, x, y, torch.cat([whole & first, whole & ~first, whole], dim=1))
    assert torch.equal(found[:, 0] + found[:, 1], found[:, 2])


@of("name", KERNELS)
@few
@given(scene=scenes())
def test_pixels_out_of_reach_of_a_region_never_matter(sums, name, scene):
    x, y, mask, seed = scene
    mask = mask[:, :1]
    reach = {"ssim_binomial": 2, "ssim_gaussian": 5}.get(name, 0)
    seen = torch.nn.functional.max_pool2d(mask.float(), 2 * reach + 1, 1, reach) > 0
    changed = (replaced(image, ~seen, seed + i) for i, image in enumerate((x, y)))
    assert torch.equal(sums(name, *changed, mask), sums(name, x, y, mask))


@of("name", KERNELS)
@few
@given(scene=scenes())
def test_batches_and_mirrors_never_matter(sums, name, scene):
    x, y, mask, _ = scene
    found = sums(name, x, y, mask)
    alone = [sums(name, *(t[b : b + 1] for t in (x, y, mask))) for b in range(len(x))]
    assert torch.equal(torch.cat(alone), found)
    for axis in (-1, -2):
        assert torch.equal(sums(name, *(t.flip(axis) for t in (x, y, mask))), found)


@of("name", PIXELWISE)
@few
@given(scene=scenes())
def test_places_of_pixels_never_matter(sums, name, scene):
    x, y, mask, seed = scene
    found = sums(name, x, y, mask)
    turned = (t.rot90(1, (-2, -1)) for t in (x, y, mask))
    assert torch.equal(sums(name, *turned), found)
    order = torch.randperm(x[0, 0].numel(), generator=torch.Generator().manual_seed(seed))
    moved = (t.flatten(2)[..., order].view(t.shape) for t in (x, y, mask))
    assert torch.equal(sums(name, *moved), found)


@few
@given(scene=scenes(), factor=st.integers(2, 12))
def test_squares_grow_with_the_square_of_the_difference(sums, scene, factor):
    x, y, mask, _ = scene
    y = 120 + y % 16
    step = (x % 10).int() * torch.where(x > 127, -1, 1)
    once, often = (sums("region_errors", (y + k * step).byte(), y, mask) for k in (1, factor))
    assert torch.equal(often[..., 1:4], factor**2 * once[..., 1:4])


@of("runner", [CpuRunner(), None], ids=["simulated", "compiled"])
@of("name", KERNELS)
def test_indices_beyond_32_bits_are_reached(name, runner):
    (x, y), mask = pair(2, 12, 40), all_regions(2, 12, 40)
    # pages that nobody writes take no memory
    reserved = mmap.mmap(-1, 6 * FAR, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
    apart = torch.frombuffer(reserved, dtype=torch.uint8).as_strided(
        x.shape, (3 * FAR, FAR, x.shape[-1], 1)
    )
    apart.copy_(x)
    place = Place("cpu", runner)
    expected = [place(KERNELS[name], *images, mask) for images in ((x, y), (y, x))]
    moved = [place(KERNELS[name], *images, mask) for images in ((apart, y), (y, apart))]
    for one, two in zip(sum(moved, ()), sum(expected, ()), strict=True):
        assert torch.equal(one, two)
