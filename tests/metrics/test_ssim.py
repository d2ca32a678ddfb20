import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2ycbcr, rgb2yuv
from skimage.metrics import structural_similarity

from gpu_metrics.errors import InputError
from gpu_metrics.metrics import ssim, ssim_map, ssim_per_channel

SHAPES = [
    pytest.param((1, 3, 11, 11), id="one-window"),
    pytest.param((2, 3, 37, 53), id="odd-sides"),
    pytest.param((2, 3, 12, 40), id="two-rows"),
]

# float64 on both sides, windows summed in another order; the worst measured is 8e-15
CLOSE = dict(rtol=0, atol=5e-14)

# 8-bit scores are sums of values rounded to 2^-24, half a unit each at most
ROUNDED = dict(rtol=0, atol=2**-25)

COLORS = {
    "rgb": (lambda image: image, 1),
    "luma": (lambda image: rgb2yuv(image)[..., :1], 1),
    "y": (lambda image: rgb2ycbcr(image)[..., :1], 255),
}


def scikit_image(x, y, color="rgb"):
    """Score and map of each image in [0, 1], from the library that has the paper's window."""
    convert, data_range = COLORS[color]
    options = dict(gaussian_weights=True, use_sample_covariance=False, channel_axis=-1, full=True)
    pairs = ((convert(i.movedim(0, -1).numpy()) for i in pair) for pair in zip(x, y, strict=True))
    results = [structural_similarity(*pair, data_range=data_range, **options) for pair in pairs]
    scores, maps = zip(*results, strict=True)
    return np.stack(scores), np.stack(maps)[:, 5:-5, 5:-5]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("color", COLORS)
def test_agrees_with_scikit_image(image_pair, device, shape, color):
    x, y = image_pair(shape)

    actual = ssim(x.to(device), y.to(device), color=color).cpu()

    np.testing.assert_allclose(actual, scikit_image(x, y, color)[0], **CLOSE)


@pytest.mark.parametrize("color", COLORS)
def test_bytes_agree_with_scikit_image(image_pair, device, color):
    x, y = image_pair((2, 3, 37, 53), dtype=torch.uint8)

    actual = ssim(x.to(device), y.to(device), color=color).cpu()

    expected = scikit_image(x.double() / 255, y.double() / 255, color)[0]
    np.testing.assert_allclose(actual, expected, **ROUNDED)


def test_channels_agree_with_scikit_image(image_pair, device):
    x, y = image_pair((2, 3, 37, 53))

    actual = ssim_per_channel(x.to(device), y.to(device)).cpu()

    expected = scikit_image(x, y)[1].mean(axis=(1, 2))
    np.testing.assert_allclose(actual, expected, **CLOSE)


def test_regions_agree_with_scikit_image(image_pair, device):
    x, y = image_pair((2, 3, 37, 53))
    mask = torch.rand(2, 3, 37, 53, generator=torch.Generator().manual_seed(1)) < 0.4

    scores = ssim(x.to(device), y.to(device), mask.to(device)).cpu()
    channels = ssim_per_channel(x.to(device), y.to(device), mask.to(device)).cpu()

    maps, inner = scikit_image(x, y)[1], mask[..., 5:-5, 5:-5].numpy()
    expected = [
        [m[region].mean(axis=0) for region in ms] for m, ms in zip(maps, inner, strict=True)
    ]
    np.testing.assert_allclose(channels, expected, **CLOSE)
    np.testing.assert_allclose(scores, np.mean(expected, axis=-1), **CLOSE)


@pytest.mark.parametrize("window", ["gaussian", "binomial"])
def test_regions_pool_the_map(image_pair, device, window):
    x, y = image_pair((2, 3, 37, 53), dtype=torch.uint8)
    mask = torch.rand(2, 3, 37, 53, generator=torch.Generator().manual_seed(1)) < 0.4

    options = dict(window=window, color="luma", border=1)
    actual = ssim(x.to(device), y.to(device), mask.to(device), **options).cpu()

    values, margin = ssim_map(x, y, **options)
    inner = mask[..., 1 + margin : -1 - margin, 1 + margin : -1 - margin]
    expected = [[v[0][m].mean() for m in ms] for v, ms in zip(values, inner, strict=True)]
    np.testing.assert_allclose(actual, expected, **ROUNDED)


@pytest.mark.parametrize("window", ["gaussian", "binomial"])
def test_identical_images_score_one(image_pair, device, window):
    for dtype in (torch.uint8, torch.float64):
        x = image_pair((2, 3, 32, 48), dtype=dtype)[0].to(device)
        assert (ssim(x, x, window=window) == 1).all()
        assert (ssim_per_channel(x, x, window=window) == 1).all()


def test_constant_images_have_their_closed_form(device):
    x = torch.full((1, 3, 16, 16), 0.25, dtype=torch.float64, device=device)
    y = torch.full_like(x, 0.75)
    # no structure is left: the luminance term alone
    expected = (2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4)
    # 1e-16 of a variance beside a c2 of 1e-3; measured 6e-14
    assert ssim(x, y).item() == pytest.approx(expected, rel=0, abs=5e-13)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), window=st.sampled_from(["gaussian", "binomial"]))
def test_stays_within_its_bounds(seed, window):
    generator = torch.Generator().manual_seed(seed)
    # extremes and their negatives: as anticorrelated as bytes can be
    x = 255 * torch.randint(0, 2, (1, 1, 16, 16), generator=generator, dtype=torch.uint8)
    for y in (255 - x, x.roll(1, dims=-1)):
        assert -1 <= ssim(x, y, window=window).item() <= 1


def test_region_without_a_full_window_is_nan(image_pair, device):
    x, y = (t.to(device) for t in image_pair((1, 3, 32, 32), dtype=torch.uint8))
    margin = torch.ones(1, 1, 32, 32, dtype=torch.bool, device=device)
    margin[..., 5:-5, 5:-5] = False
    assert ssim(x, y, margin).isnan().all()
    assert ssim(x, y, margin, window="binomial").isfinite().all()
    assert ssim(x, y, torch.zeros_like(margin), window="binomial").isnan().all()


@pytest.mark.parametrize(("window", "reach"), [("gaussian", 5), ("binomial", 2)])
@pytest.mark.parametrize("stray", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [(0, 0), (9, 12)])
def test_non_finite_pixels_spoil_what_sees_them_and_no_more(
    image_pair, device, window, reach, stray, place
):
    x, y = (t.to(device) for t in image_pair((1, 3, 32, 32)))
    spoiled = y.clone()
    spoiled[0, 1][place] = stray
    row, column = place
    seen = torch.zeros(1, 2, 32, 32, dtype=torch.bool, device=device)
    rows = slice(max(row - reach, 0), row + reach + 1)
    seen[:, 0, rows, max(column - reach, 0) : column + reach + 1] = True
    seen[:, 1] = ~seen[:, 0]

    for a, b in [(x, spoiled), (spoiled, x)]:
        touched, untouched = ssim(a, b, seen, window=window)[0].tolist()
        assert math.isnan(touched)
        clean = ssim(x, y, seen, window=window)[0, 1].item()
        # another pivot moves float64 moments by their last bits; the worst measured is 3e-16
        assert untouched == pytest.approx(clean, rel=0, abs=2e-15)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_short_floats_are_compared_in_float64(image_pair, dtype):
    x, y = image_pair((2, 3, 12, 40), dtype=dtype)
    assert torch.equal(ssim(x, y), ssim(x.double(), y.double()))


def test_color_does_not_matter_to_grey_images(image_pair):
    x, y = image_pair((2, 1, 12, 40))
    scores = [ssim(x, y, color=color) for color in COLORS]
    assert torch.equal(scores[0], scores[1])
    assert torch.equal(scores[0], scores[2])
    np.testing.assert_allclose(scores[0], scikit_image(x, y)[0], **CLOSE)


def test_border_equals_cropping(image_pair):
    x, y = image_pair((2, 3, 24, 40), dtype=torch.uint8)
    inner = (..., slice(3, -3), slice(3, -3))
    for window in ("gaussian", "binomial"):
        expected = ssim(x[inner], y[inner], window=window)
        assert torch.equal(ssim(x, y, window=window, border=3), expected)


@pytest.mark.usefixtures("as_called")
@pytest.mark.parametrize("metric", [ssim, ssim_per_channel])
def test_rejects_what_the_window_cannot_take(metric):
    x = torch.zeros(1, 3, 10, 64)
    with pytest.raises(InputError, match="at least 11 px for this metric, got 10x64"):
        metric(x, x)
    with pytest.raises(InputError, match="window: expected 'gaussian' or 'binomial', got 'box'"):
        metric(x, x, window="box")
    with pytest.raises(InputError, match="border: expected 0 or more pixels, got -1"):
        metric(x, x, window="binomial", border=-1)
    with pytest.raises(InputError, match="mask: expected shape"):
        metric(x, x, torch.ones(1, 1, 8, 8, dtype=torch.bool), window="binomial")
    with pytest.raises(InputError, match="equal shapes"):
        metric(x[:, :1], x, window="binomial")


@pytest.mark.usefixtures("as_called")
def test_rejects_unknown_color():
    x = torch.zeros(1, 3, 12, 12)
    with pytest.raises(InputError, match="color: expected 'rgb', 'luma' or 'y', got 'lab'"):
        ssim(x, x, color="lab")
