import math

import cv2
import numpy as np
import pytest
import torch
from skimage.color import deltaE_cie76, deltaE_ciede2000, rgb2lab

from gpu_metrics.errors import InputError
from gpu_metrics.metrics import cie76, ciede2000, delta_e

FORMULAS = ["ciede2000", "cie76", "opencv-8bit"]
SCIKIT_IMAGE = {"ciede2000": deltaE_ciede2000, "cie76": deltaE_cie76}

# 8-bit scores are sums of values rounded to 2^-24, half a unit each at most
ROUNDED = dict(rtol=0, atol=2**-25)

# float64 on both sides, with powers and angles of two libraries; the worst mean measured is 3e-16
CLOSE = dict(rtol=2e-15, atol=0)

# L, a, b of both colors and their CIEDE2000 difference: Sharma, Wu, Dalal, "The CIEDE2000
# color-difference formula", Color Research and Application 30 (2005), table 1
SHARMA_PAIRS = """
50.0000   2.6772 -79.7751  50.0000   0.0000 -82.7485   2.0425
50.0000   3.1571 -77.2803  50.0000   0.0000 -82.7485   2.8615
50.0000   2.8361 -74.0200  50.0000   0.0000 -82.7485   3.4412
50.0000  -1.3802 -84.2814  50.0000   0.0000 -82.7485   1.0000
50.0000  -1.1848 -84.8006  50.0000   0.0000 -82.7485   1.0000
50.0000  -0.9009 -85.5211  50.0000   0.0000 -82.7485   1.0000
50.0000   0.0000   0.0000  50.0000  -1.0000   2.0000   2.3669
50.0000  -1.0000   2.0000  50.0000   0.0000   0.0000   2.3669
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0009   7.1792
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0010   7.1792
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0011   7.2195
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0012   7.2195
50.0000  -0.0010   2.4900  50.0000   0.0009  -2.4900   4.8045
50.0000  -0.0010   2.4900  50.0000   0.0010  -2.4900   4.8045
50.0000  -0.0010   2.4900  50.0000   0.0011  -2.4900   4.7461
50.0000   2.5000   0.0000  50.0000   0.0000  -2.5000   4.3065
50.0000   2.5000   0.0000  73.0000  25.0000 -18.0000  27.1492
50.0000   2.5000   0.0000  61.0000  -5.0000  29.0000  22.8977
50.0000   2.5000   0.0000  56.0000 -27.0000  -3.0000  31.9030
50.0000   2.5000   0.0000  58.0000  24.0000  15.0000  19.4535
50.0000   2.5000   0.0000  50.0000   3.1736   0.5854   1.0000
50.0000   2.5000   0.0000  50.0000   3.2972   0.0000   1.0000
50.0000   2.5000   0.0000  50.0000   1.8634   0.5757   1.0000
50.0000   2.5000   0.0000  50.0000   3.2592   0.3350   1.0000
60.2574 -34.0099  36.2677  60.4626 -34.1751  39.4387   1.2644
63.0109 -31.0961  -5.8663  62.8187 -29.7946  -4.0864   1.2630
61.2901   3.7196  -5.3901  61.4292   2.2480  -4.9620   1.8731
35.0831 -44.1164   3.7933  35.0232 -40.0716   1.5901   1.8645
22.7233  20.0904 -46.6940  23.0331  14.9730 -42.5619   2.0373
36.4612  47.8580  18.3852  36.2715  50.5065  21.2231   1.4146
90.8027  -2.0831   1.4410  91.1528  -1.6435   0.0447   1.4441
90.9257  -0.5406  -0.9208  88.6381  -0.8985  -0.7239   1.5381
 6.7747  -0.2908  -2.4247   5.8714  -0.0985  -2.2286   0.6377
 2.0776   0.0795  -1.1350   0.9033  -0.0636  -0.5514   0.9082
"""


def opencv(x, y):
    """Map of distances in OpenCV's 8-bit Lab for each image of a batch."""
    lab = [
        [cv2.cvtColor(np.ascontiguousarray(i.movedim(0, -1)), cv2.COLOR_RGB2Lab) for i in images]
        for images in (x, y)
    ]
    difference = np.subtract(*np.asarray(lab, dtype=np.int64))
    return np.sqrt(np.square(difference).sum(axis=-1))


def scikit_image(x, y, formula):
    """Map of differences of each image of a batch, bytes or float64 in [0, 1]."""
    x, y = (rgb2lab(image.movedim(1, -1).numpy()) for image in (x, y))
    return SCIKIT_IMAGE[formula](x, y)


def test_agrees_with_sharma_et_al(device):
    pairs = [[float(value) for value in line.split()] for line in SHARMA_PAIRS.split("\n")[1:-1]]
    table = torch.tensor(pairs, dtype=torch.float64, device=device)
    assert len(table) == 34

    for x, y in [(table[:, :3], table[:, 3:6]), (table[:, 3:6], table[:, :3])]:
        printed = [f"{value:.4f}" for value in ciede2000(x, y).tolist()]
        assert printed == [f"{value:.4f}" for value in table[:, 6].tolist()]


@pytest.mark.parametrize("formula", SCIKIT_IMAGE)
def test_differences_agree_with_scikit_image(device, formula):
    generator = torch.Generator().manual_seed(0)
    spread = torch.tensor([100, 256, 256])[None, :, None]
    offset = torch.tensor([0, -128, -128])[None, :, None]
    x, y = torch.rand(2, 4, 3, 500, generator=generator, dtype=torch.float64) * spread + offset
    y[:2] = x[:2] + 0.01 * y[:2]

    function = {"ciede2000": ciede2000, "cie76": cie76}[formula]
    actual = function(x.to(device), y.to(device)).cpu()

    expected = SCIKIT_IMAGE[formula](x.numpy(), y.numpy(), channel_axis=1)
    # last bits of colors that reach 128; the worst pair measured is 1.6e-13
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("formula", SCIKIT_IMAGE)
def test_agrees_with_scikit_image(image_pair, device, formula):
    x, y = image_pair((2, 3, 37, 53))

    actual = delta_e(x.to(device), y.to(device), formula=formula).cpu()

    expected = scikit_image(x, y, formula).mean(axis=(1, 2))
    np.testing.assert_allclose(actual, expected, **CLOSE)


@pytest.mark.parametrize("formula", SCIKIT_IMAGE)
def test_bytes_and_regions_agree_with_scikit_image(image_pair, device, formula):
    x, y = image_pair((2, 3, 37, 53), dtype=torch.uint8)
    mask = torch.rand(2, 3, 37, 53, generator=torch.Generator().manual_seed(1)) < 0.4

    actual = delta_e(x.to(device), y.to(device), mask.to(device), formula=formula).cpu()

    values = scikit_image(x, y, formula)
    expected = [[v[m].mean() for m in ms.numpy()] for v, ms in zip(values, mask, strict=True)]
    np.testing.assert_allclose(actual, expected, **ROUNDED)


def test_regions_agree_with_opencv(image_pair, device):
    x, y = image_pair((2, 3, 37, 53), dtype=torch.uint8)
    mask = torch.rand(2, 3, 37, 53, generator=torch.Generator().manual_seed(1)) < 0.4

    actual = delta_e(x.to(device), y.to(device), mask.to(device), formula="opencv-8bit").cpu()

    values = opencv(x, y)
    expected = [[v[m].mean() for m in ms.numpy()] for v, ms in zip(values, mask, strict=True)]
    np.testing.assert_allclose(actual, expected, **ROUNDED)


def test_single_pixels_agree_with_opencv(image_pair, device):
    x, y = (t.transpose(0, 3) for t in image_pair((1, 3, 1, 500), dtype=torch.uint8))

    actual = delta_e(x.to(device), y.to(device), formula="opencv-8bit").cpu()

    # one square root of an integer each, rounded to 2^-24
    expected = np.rint(opencv(x, y)[:, 0, 0] * 2**24) / 2**24
    assert actual.tolist() == expected.tolist()


def test_greys_differ_by_formula(device):
    x = torch.full((1, 3, 4, 4), 100, dtype=torch.uint8, device=device)
    scores = {formula: delta_e(x, x + 10, formula=formula).item() for formula in FORMULAS}
    assert scores["opencv-8bit"] == 11.0
    assert f"{scores['cie76']:.2f}" == "4.06"
    # 4.06 over S_L = 1 + 0.015 (44.4 - 50)^2 / sqrt(20 + (44.4 - 50)^2)
    assert f"{scores['ciede2000']:.2f}" == "3.81"


@pytest.mark.parametrize("formula", FORMULAS)
def test_black_and_white_are_as_far_apart_as_lightness_reaches(device, formula):
    black = torch.zeros(1, 3, 4, 4, dtype=torch.uint8, device=device)
    score = delta_e(black, 255 - black, formula=formula).item()
    # the rows of the published matrix add up to white within 1e-6; measured 2e-9
    assert score == pytest.approx(255 if formula == "opencv-8bit" else 100, rel=1e-8, abs=0)


def test_bytes_score_as_their_fractions(image_pair):
    x, y = image_pair((2, 3, 12, 40), dtype=torch.uint8)
    for formula in SCIKIT_IMAGE:
        actual = delta_e(x, y, formula=formula)
        expected = delta_e(x.double() / 255, y.double() / 255, formula=formula)
        np.testing.assert_allclose(actual, expected, **ROUNDED)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_short_floats_are_compared_in_float64(image_pair, dtype):
    x, y = image_pair((2, 3, 12, 40), dtype=dtype)
    for formula in SCIKIT_IMAGE:
        expected = delta_e(x.double(), y.double(), formula=formula)
        assert torch.equal(delta_e(x, y, formula=formula), expected)


def test_chroma_far_out_of_gamut_does_not_overflow():
    x, y = (torch.tensor([[50.0, chroma, 0.0]]).double() for chroma in (1e6, 2e6))
    assert ciede2000(x, y).isfinite().all()


@pytest.mark.parametrize("formula", SCIKIT_IMAGE)
@pytest.mark.parametrize("stray", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_non_finite_pixels_spoil_their_region_only(image_pair, device, formula, stray, channel):
    x, y = (t.to(device) for t in image_pair((1, 3, 12, 40)))
    spoiled = x.clone()
    spoiled[0, channel, 3, 4] = stray
    regions = torch.zeros(1, 2, 12, 40, dtype=torch.bool, device=device)
    regions[:, 0, :6] = True
    regions[:, 1, 6:] = True

    clean = delta_e(x, y, regions, formula=formula)
    for a, b in [(spoiled, y), (y, spoiled)]:
        touched, untouched = delta_e(a, b, regions, formula=formula)[0]
        assert not touched.isfinite()
        assert untouched == clean[0, 1]


@pytest.mark.usefixtures("as_called")
def test_rejects_what_the_formula_cannot_take():
    x = torch.zeros(1, 3, 8, 8)
    choices = "formula: expected 'ciede2000', 'cie76' or 'opencv-8bit', got 'cie94'"
    with pytest.raises(InputError, match=choices):
        delta_e(x, x, formula="cie94")
    with pytest.raises(InputError, match="defined on uint8 images, got torch.float32"):
        delta_e(x, x, formula="opencv-8bit")
    with pytest.raises(InputError, match="expected 3 channels, got 1"):
        delta_e(x[:, :1], x[:, :1])
