import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.color import rgb2ycbcr
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

from gpu_metrics.errors import InputError
from gpu_metrics.metrics import decibels, mse, psnr

# float64 sums of a few thousand terms in two orders; the worst measured is 2e-16
CLOSE = dict(rtol=1e-15, atol=0)

SHAPES = [
    pytest.param((1, 1, 1, 1), id="one-pixel"),
    pytest.param((2, 3, 37, 53), id="odd-sides"),
    pytest.param((3, 1, 12, 40), id="grey"),
]

# thousandths, one weight per channel
WEIGHTS = {"luma": (299, 587, 114), "y": (65481, 128553, 24966)}


def exact_mse(x, y, color):
    """The error of one 8-bit color image as a fraction of integers."""
    pixels = (x.int() - y.int()).flatten(1).T.tolist()
    if color == "rgb":
        squares = sum(e * e for pixel in pixels for e in pixel)
        return Fraction(squares, 3 * len(pixels) * 255**2)
    weighted = [sum(w * e for w, e in zip(WEIGHTS[color], p, strict=True)) for p in pixels]
    white = 255 * (1000 if color == "luma" else 255_000)
    return Fraction(sum(e * e for e in weighted), len(pixels) * white**2)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "white"), [(torch.uint8, 255), (torch.float64, 1.0)])
def test_agrees_with_scikit_image(image_pair, device, shape, dtype, white):
    x, y = image_pair(shape, dtype=dtype)

    error = mse(x.to(device), y.to(device)).cpu()
    decibel = psnr(x.to(device), y.to(device)).cpu()

    pairs = [(b.numpy(), a.numpy()) for a, b in zip(x, y, strict=True)]
    expected = [mean_squared_error(*pair) / white**2 for pair in pairs]
    np.testing.assert_allclose(error, expected, **CLOSE)
    expected = [peak_signal_noise_ratio(*pair, data_range=white) for pair in pairs]
    np.testing.assert_allclose(decibel, expected, **CLOSE)


@pytest.mark.parametrize("color", ["rgb", "luma", "y"])
@given(pair=arrays(np.uint8, (2, 3, 4, 5)))
def test_bytes_agree_with_integers(color, pair):
    x, y = torch.from_numpy(pair)
    score = mse(x[None], y[None], color=color).item()
    # the sums are exact: what is left is two roundings of a quotient
    assert score == pytest.approx(float(exact_mse(x, y, color)), rel=3e-16, abs=0)


@pytest.mark.parametrize("color", ["rgb", "luma", "y"])
def test_large_sums_lose_nothing(image_pair, device, color):
    # 2.4e9 summed squares of white against black, less than that by one pixel's single step
    white = torch.full((1, 3, 96, 128), 255, dtype=torch.uint8)
    white[0, 1, 50, 60] = 254
    black = torch.zeros_like(white)

    actual = mse(white.to(device), black.to(device), color=color).item()

    assert actual == pytest.approx(float(exact_mse(white[0], black[0], color)), rel=3e-16, abs=0)
    assert actual < {"rgb": 1, "luma": 1, "y": (219 / 255) ** 2}[color]


def test_studio_luma_agrees_with_scikit_image(image_pair, device):
    x, y = image_pair((2, 3, 37, 53), dtype=torch.uint8)

    actual = psnr(x.to(device), y.to(device), color="y", border=4).cpu()

    luma = [[rgb2ycbcr(i.movedim(0, -1).numpy())[4:-4, 4:-4, 0] for i in p] for p in (y, x)]
    expected = [peak_signal_noise_ratio(*p, data_range=255) for p in zip(*luma, strict=True)]
    np.testing.assert_allclose(actual, expected, **CLOSE)


@pytest.mark.parametrize("color", ["luma", "y"])
def test_float_luma_agrees_with_numpy(image_pair, device, color):
    x, y = image_pair((2, 3, 37, 53))

    actual = mse(x.to(device), y.to(device), color=color).cpu()

    weights = np.array(WEIGHTS[color]) / (1000 if color == "luma" else 255_000)
    difference = np.tensordot((x - y).numpy(), weights, (1, 0))
    expected = np.square(difference).mean(axis=(1, 2))
    # the studio offset is added before the difference is taken; the worst measured is 4e-16
    np.testing.assert_allclose(actual, expected, rtol=2e-15)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64])
def test_regions_agree_with_numpy(image_pair, device, dtype):
    x, y = image_pair((2, 3, 37, 53), dtype=dtype)
    mask = torch.rand(2, 3, 37, 53, generator=torch.Generator().manual_seed(1)) < 0.4
    white = 255 if dtype == torch.uint8 else 1

    actual = mse(x.to(device), y.to(device), mask.to(device), border=3).cpu()

    squares = np.square((x.double() - y.double()).numpy() / white).mean(axis=1)
    inside = np.zeros((37, 53), bool)
    inside[3:-3, 3:-3] = True
    expected = [
        [s[m & inside].mean() for m in ms.numpy()] for s, ms in zip(squares, mask, strict=True)
    ]
    np.testing.assert_allclose(actual, expected, **CLOSE)


def test_bytes_never_wrap(device):
    black = torch.zeros(1, 3, 5, 7, dtype=torch.uint8, device=device)
    white = torch.full_like(black, 255)
    for x, y in [(black, white), (white, black)]:
        assert mse(x, y).item() == 1
        assert psnr(x, y).item() == 0


def test_single_step_has_its_closed_form(device):
    x = torch.full((1, 3, 11, 13), 128, dtype=torch.uint8, device=device)
    y = x.clone()
    y[0, 2, 5, 6] += 1
    # one rounding of the quotient, one of the logarithm
    close = dict(rel=3e-16, abs=0)
    assert psnr(x, y).item() == pytest.approx(10 * math.log10(255**2 * 3 * 11 * 13), **close)
    in_luma = 10 * math.log10((255 / 0.114) ** 2 * 11 * 13)
    assert psnr(x, y, color="luma").item() == pytest.approx(in_luma, **close)


def test_constant_offset_has_its_closed_form(device):
    x = torch.full((1, 3, 9, 9), 0.25, dtype=torch.float64, device=device)
    assert mse(x + 0.5, x).item() == 0.25
    assert mse(x + 0.5, x, color="luma").item() == pytest.approx(0.25, rel=3e-16, abs=0)
    assert mse(x + 0.5, x, color="y").item() == pytest.approx(
        (219 / 255 / 2) ** 2, rel=1e-15, abs=0
    )


@given(st.integers(1, 5), arrays(np.uint8, (3, 4, 5), elements=st.integers(0, 51)))
def test_error_grows_with_the_square_of_the_difference(factor, difference):
    x = torch.from_numpy(difference)[None]
    black = torch.zeros_like(x)
    single, scaled = (mse(f * x, black).item() for f in (1, factor))
    # both are quotients of exact integers, rounded twice
    assert scaled == pytest.approx(factor**2 * single, rel=5e-16, abs=0)


def test_identical_images_score_infinity_or_the_given_value(image_pair, device):
    x = image_pair((2, 3, 12, 40), dtype=torch.uint8)[0].to(device)
    y = x.clone()
    y[1, 0, 0, 0] ^= 1
    assert mse(x, y)[0] == 0
    assert psnr(x, y)[0] == math.inf
    assert psnr(x, y, identical=100.0)[0] == 100
    assert psnr(x, y, identical=100.0)[1] == psnr(x, y)[1]


def test_empty_region_is_nan_and_not_identical(image_pair, device):
    x = image_pair((1, 3, 12, 40), dtype=torch.uint8)[0].to(device)
    nowhere = torch.zeros(1, 1, 12, 40, dtype=torch.bool, device=device)
    assert psnr(x, x, nowhere, identical=100.0).isnan().all()
    # a region that lies within the border is empty as well
    edge = nowhere.clone()
    edge[..., :2, :] = True
    assert mse(x, x, edge, border=2).isnan().all()


def test_color_does_not_matter_to_grey_images(image_pair):
    for dtype in (torch.uint8, torch.float64):
        x, y = image_pair((2, 1, 12, 40), dtype=dtype)
        scores = [mse(x, y, color=color) for color in ("rgb", "luma", "y")]
        assert torch.equal(scores[0], scores[1])
        assert torch.equal(scores[0], scores[2])


def test_grey_colors_score_the_same_in_every_luma(image_pair):
    x, y = (t.expand(-1, 3, -1, -1) for t in image_pair((2, 1, 12, 40), dtype=torch.uint8))
    expected = mse(x, y)
    # weights of a luma add up to one; the studio range is narrower by 219 / 255
    torch.testing.assert_close(mse(x, y, color="luma"), expected, rtol=5e-16, atol=0)
    studio = (219 / 255) ** 2 * expected
    torch.testing.assert_close(mse(x, y, color="y"), studio, rtol=5e-16, atol=0)


def test_border_equals_cropping(image_pair):
    x, y = image_pair((2, 3, 12, 40), dtype=torch.uint8)
    inner = (..., slice(3, -3), slice(3, -3))
    for metric in (mse, psnr):
        assert torch.equal(metric(x, y, border=3), metric(x[inner], y[inner]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_short_floats_are_compared_in_float64(image_pair, dtype):
    x, y = image_pair((2, 3, 12, 40), dtype=dtype)
    assert torch.equal(psnr(x, y), psnr(x.double(), y.double()))


def test_decibels_of_the_host_are_those_of_the_device(image_pair, device):
    x, y = (t.to(device) for t in image_pair((3, 3, 12, 40), dtype=torch.uint8))
    expected = [decibels(error) for error in mse(x, y).tolist()]
    # logarithms of two libraries, each within a unit in the last place
    np.testing.assert_allclose(psnr(x, y).cpu(), expected, rtol=5e-16)
    assert decibels(0.0) == math.inf
    assert decibels(0.0, identical=100.0) == 100


@pytest.mark.usefixtures("as_called")
def test_rejects_unknown_color_and_large_border():
    for x in (torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)):
        with pytest.raises(InputError, match="color: expected 'rgb', 'luma' or 'y', got 'hsv'"):
            psnr(x, x, color="hsv")
        with pytest.raises(InputError, match="at least 1 px for this metric beyond a border of 4"):
            psnr(x, x, border=4)
        with pytest.raises(InputError, match="border: expected 0 or more pixels, got -2"):
            mse(x, x, border=-2)
