"""The three forms of structural similarity that have kernels, against twins, outside and laws."""

import inspect
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from pictures import SIZES, all_regions, interleaved, noise, pair, region
from scipy.ndimage import convolve
from skimage.metrics import structural_similarity

from gpu_metrics.errors import InputError
from gpu_metrics.kernels import ssim_gaussian as gaussian
from gpu_metrics.kernels.fixed_point import STEP
from gpu_metrics.kernels.sources import source
from gpu_metrics.kernels.ssim_binomial import ssim_binomial, ssim_binomial_reference
from gpu_metrics.kernels.ssim_gaussian import ssim_gaussian, ssim_gaussian_reference

FORMS = {
    "binomial": (ssim_binomial, ssim_binomial_reference, 0),
    "gaussian-rgb": (ssim_gaussian, ssim_gaussian_reference, 5),
    "gaussian-luma": (
        partial(ssim_gaussian, color="luma"),
        partial(ssim_gaussian_reference, color="luma"),
        5,
    ),
}


@pytest.fixture(params=FORMS)
def form(request):
    return FORMS[request.param]


def assert_equal(actual, expected):
    for name, a, e in zip(actual._fields, actual, expected, strict=True):
        assert torch.equal(a, e), f"{name}: {a.tolist()} is not {e.tolist()}"


def fits(size, margin):
    return min(size) > 2 * margin


CASES = [
    pytest.param(name, size, id=f"{name}-{size[0]}x{size[1]}")
    for name, (_, _, margin) in FORMS.items()
    for size in SIZES
    if fits(size, margin)
]


@pytest.mark.parametrize(("name", "size"), CASES)
def test_matches_twin_under_any_schedule(any_schedule, name, size):
    function, twin, _ = FORMS[name]
    (x, y), mask = pair(2, *size), all_regions(2, *size)
    assert_equal(any_schedule(function, x, interleaved(y), mask), twin(x, y, mask))


def test_matches_twin_on_noise_and_crops(on_kernel, form):
    function, twin, _ = form
    x, y, mask = noise(2, 40, 90, seed=1), noise(2, 40, 90, seed=2), all_regions(2, 40, 90)
    window = (..., slice(3, 33), slice(5, 84))
    expected = twin(*(t[window].contiguous() for t in (x, y, mask)))
    assert_equal(on_kernel(function, x[window], y[window], mask[window]), expected)


def luma(image):
    return np.tensordot([0.299, 0.587, 0.114], image.numpy(), axes=(0, 0)) / 255


def binomial_map(x, y):
    """The official scorer's definition, in float64 through SciPy."""
    window = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
    mean = partial(convolve, weights=window, mode="constant")
    u, v = luma(x), luma(y)
    mx, my = mean(u), mean(v)
    vx, vy, cov = mean(u * u) - mx * mx, mean(v * v) - my * my, mean(u * v) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    return (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))


def gaussian_map(u, v, white):
    options = {"gaussian_weights": True, "use_sample_covariance": False, "data_range": white}
    return structural_similarity(u, v, full=True, **options)[1]


# each pixel is rounded to half a step; float64 oracles differ by their own rounding
TOLERANCE = {"rtol": 0, "atol": STEP / 2 + 1e-10}


def means(sums):
    steps = sums.steps if sums.steps.dim() == 3 else sums.steps[..., None]
    return (steps.double() * STEP / sums.pixels[..., None]).numpy()


def flat(level):
    return torch.full((1, 3, 37, 53), level, dtype=torch.uint8)


PICTURES = {
    "photograph": pair(1, 37, 53),
    "noise": (noise(1, 37, 53, seed=1), noise(1, 37, 53, seed=2)),
    "flat": (flat(200), flat(201)),
    "bright": tuple(t // 16 + 239 for t in pair(1, 37, 53)),
}


@pytest.mark.parametrize("picture", PICTURES)
def test_binomial_agrees_with_its_definition(on_kernel, picture):
    (x, y), mask = PICTURES[picture], all_regions(1, 37, 53)[:, 1:]
    values = binomial_map(x[0], y[0])
    expected = [[values[inside].mean()] for inside in mask[0].numpy()]
    actual = means(on_kernel(ssim_binomial, x, y, mask))[0]
    np.testing.assert_allclose(actual, expected, **TOLERANCE)


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("color", ["rgb", "luma"])
def test_gaussian_agrees_with_scikit_image(on_kernel, picture, color):
    (x, y), mask = PICTURES[picture], all_regions(1, 37, 53)[:, 1:5]
    u, v = ((luma(t[0])[None] if color == "luma" else t[0].double().numpy() / 255) for t in (x, y))
    maps = [gaussian_map(*planes, 1.0) for planes in zip(u, v, strict=True)]
    centers = mask[0, :, 5:-5, 5:-5].numpy()
    expected = [[m[5:-5, 5:-5][inside].mean() for m in maps] for inside in centers]
    actual = means(on_kernel(ssim_gaussian, x, y, mask, color=color))[0]
    np.testing.assert_allclose(actual, expected, **TOLERANCE)


def test_identical_images_score_one(on_kernel, form):
    function, _, _ = form
    x, mask = noise(1, 31, 31), region("random", 1, 31, 31)
    assert (means(on_kernel(function, x, x, mask)) == 1).all()


def test_is_symmetric(on_kernel, form):
    (x, y), mask = pair(1, 37, 53), all_regions(1, 37, 53)
    assert_equal(on_kernel(form[0], x, y, mask), on_kernel(form[0], y, x, mask))


def test_gets_worse_with_noise(on_kernel, form):
    x, mask = pair(1, 37, 53)[0], region("everywhere", 1, 37, 53)
    noisy = [((1 - t) * x + t * noise(1, 37, 53)).to(torch.uint8) for t in (0.1, 0.3, 0.9)]
    scores = [means(on_kernel(form[0], x, y, mask)).mean() for y in noisy]
    assert all(better > worse for better, worse in pairwise(scores))


def test_values_stay_within_bounds(on_kernel, form):
    x, mask = noise(1, 31, 31), region("everywhere", 1, 31, 31)
    scores = means(on_kernel(form[0], x, 255 - x, mask))
    assert (scores < 0).all() and (scores >= -1).all()


def test_two_halves_add_up_to_the_whole(on_kernel, form):
    (x, y), half = pair(1, 37, 53), region("random", 1, 37, 53)
    mask = torch.cat([half, ~half, half | ~half], dim=1)
    for sums in on_kernel(form[0], x, y, mask):
        assert torch.equal(sums[:, 0] + sums[:, 1], sums[:, 2])


@pytest.mark.parametrize("axis", [-1, -2])
def test_mirrored_images_score_the_same_bits(on_kernel, form, axis):
    (x, y), mask = pair(1, 37, 53), all_regions(1, 37, 53)
    mirrored = (t.flip(axis) for t in (x, y, mask))
    assert_equal(on_kernel(form[0], *mirrored), on_kernel(form[0], x, y, mask))


def test_pixels_beyond_the_windows_of_a_region_do_not_matter(on_kernel, form):
    (x, y), mask = pair(1, 40, 80), region("nowhere", 1, 40, 80)
    mask[..., 10:20, 10:20] = True
    other = y.clone()
    other[..., 30:] = noise(1, 40, 50, seed=5)
    assert_equal(on_kernel(form[0], x, other, mask), on_kernel(form[0], x, y, mask))


def test_score_does_not_depend_on_batch_mates(on_kernel, form):
    (x, y), mask = pair(4, 31, 31), all_regions(4, 31, 31)
    together = on_kernel(form[0], x, y, mask)
    order = [3, 0, 2, 1]
    permuted = on_kernel(form[0], x[order], y[order], mask[order])
    assert_equal(permuted, type(together)(*(sums[order] for sums in together)))
    alone = [on_kernel(form[0], *(t[i : i + 1] for t in (x, y, mask))) for i in range(4)]
    for sums, singles in zip(together, zip(*alone, strict=True), strict=True):
        assert torch.equal(sums, torch.cat(singles))


def test_reference_broadcast_over_the_batch_is_read_in_place(on_kernel, form):
    function, twin, _ = form
    (x, _), (_, y), mask = pair(3, 12, 40), pair(1, 12, 40), all_regions(1, 12, 40)
    expected = twin(x, y.repeat(3, 1, 1, 1), mask.repeat(3, 1, 1, 1))
    shared = y.expand(3, -1, -1, -1), mask.expand(3, -1, -1, -1)
    assert_equal(on_kernel(function, x, *shared), expected)


def test_an_empty_region_counts_nothing(on_kernel, form):
    (x, y), mask = pair(1, 31, 31), region("nowhere", 1, 31, 31)
    assert not any(sums.any() for sums in on_kernel(form[0], x, y, mask))


def test_constants_of_kernel_and_twin_are_one():
    weights = np.exp(-(np.arange(6) ** 2) / 4.5)
    weights /= weights[0] + 2 * weights[1:].sum()
    np.testing.assert_allclose(gaussian.WINDOW, weights, rtol=1e-15)
    for value in gaussian.WINDOW:
        assert repr(value) in source("ssim_gaussian")


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((noise(1, 10, 64), noise(1, 10, 64), region("row", 1, 10, 64)), {}, "at least 11 px"),
        ((noise(1, 11, 11), noise(1, 11, 11), region("row", 1, 11, 11)), {"color": "y"}, "'luma'"),
        ((noise(1, 11, 11), noise(1, 11, 12), region("row", 1, 11, 11)), {}, "equal shapes"),
    ],
)
def test_rejects_what_does_not_fit(arguments, options, message):
    with pytest.raises(InputError, match=message):
        inspect.unwrap(ssim_gaussian)(*arguments, **options)
