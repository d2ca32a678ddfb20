import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d, pad

from gpu_metrics.metrics import ssim, ssim_map


def five_by_five(x, y):
    """SSIM map of luma planes `(B, 1, H, W)` in [0, 1] by the rule of the official scorer."""
    taps = torch.tensor([1, 4, 6, 4, 1], dtype=x.dtype)
    window = torch.outer(taps, taps)[None, None] / 256

    def blur(image):
        return conv2d(pad(image, [2] * 4), window)

    mx, my = blur(x), blur(y)
    sxx, syy, sxy = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    return ((2 * mx * my + c1) * (2 * sxy + c2)) / ((mx**2 + my**2 + c1) * (sxx + syy + c2))


def luma(image):
    if image.dtype == torch.uint8:
        image = image.double() / 255
    if image.shape[1] == 1:
        return image
    red, green, blue = image.unbind(1)
    return (0.299 * red + 0.587 * green + 0.114 * blue)[:, None]


@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (2, 3, 4, 31), (2, 3, 37, 53), (1, 1, 9, 9)])
def test_binomial_agrees_with_the_official_rule(image_pair, device, shape):
    x, y = image_pair(shape)

    values, margin = ssim_map(x.to(device), y.to(device), window="binomial", color="luma")
    score = ssim(x.to(device), y.to(device), window="binomial", color="luma")

    expected = five_by_five(luma(x), luma(y))
    assert margin == 0
    # variances of both cancel to 1e-16 beside a c2 of 1e-3; the worst pixel measured is 4e-13
    np.testing.assert_allclose(values.cpu(), expected, rtol=0, atol=2e-12)
    # and the worst mean 6e-16
    np.testing.assert_allclose(score.cpu(), expected.mean(dim=(1, 2, 3)), rtol=0, atol=5e-15)


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.2])
def test_binomial_bytes_agree_with_the_official_rule(image_pair, device, noise):
    x, y = image_pair((2, 3, 61, 83), noise=noise, dtype=torch.uint8)

    score = ssim(x.to(device), y.to(device), window="binomial", color="luma")

    expected = five_by_five(luma(x), luma(y)).mean(dim=(1, 2, 3))
    # rounding to 2^-24 averages out over 5063 pixels; the worst measured is 4e-10
    np.testing.assert_allclose(score.cpu(), expected, rtol=0, atol=2e-9)
