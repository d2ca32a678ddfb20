"""Metrics of squared pixel differences: MSE and PSNR."""

import math
from itertools import combinations_with_replacement

import torch
from jaxtyping import Float64
from torch import Tensor

from gpu_metrics.color import STUDIO_WHITE, as_color, color_weights
from gpu_metrics.kernels.region_errors import RegionErrors, region_errors
from gpu_metrics.metrics.pool import crop, everywhere, masked_mean, masked_sum, pixel_count
from gpu_metrics.tensors import Images, Mask, Scores, check_pair


def mse(
    x: Images, y: Images, mask: Mask | None = None, *, color: str = "rgb", border: int = 0
) -> Scores:
    """Mean squared error between `x` and `y`, relative to white = 1; 0 is identical.

    8-bit images are compared in integers: the sums are exact, so the score has the same bits on
    every device and in every batch. Float images are summed in float64.

    Args:
        x, y: Images, uint8 or float in [0, 1], `(B, C, H, W)`, C of 1 or 3.
        mask: Pixels of each region, `(B, R, H, W)`. None means the whole image.
        color: "rgb" averages over the channels; "luma" compares .299 R + .587 G + .114 B; "y"
            compares BT.601's studio-swing luma (16..235 of 255), as super-resolution papers do.
        border: Pixels left out at each side.

    Returns:
        float64 in [0, 1]: `(B,)` without a mask, `(B, R)` with one. NaN for an empty region; a
        non-finite pixel inside a region makes its score non-finite.
    """
    check_pair(x, y, mask, border=border)
    x, y, mask = crop(x, border), crop(y, border), crop(mask, border)
    if x.dtype == torch.uint8 and x.shape[1] == 3 and color == "rgb":
        errors = region_errors(x, y, everywhere(x) if mask is None else mask, lab=False)
        return mse_of(errors) if mask is not None else mse_of(errors)[:, 0]
    if x.dtype == torch.uint8:
        return _integer_mse(x, y, mask, color)
    (x, white), (y, _) = as_color(x, color), as_color(y, color)
    return masked_mean(((x - y) / white).square().mean(dim=1), mask)


def mse_of(errors: RegionErrors) -> Float64[Tensor, "B R"]:
    """Mean squared error over R, G and B of each region, from its exact sums."""
    return errors.squared.sum(dim=-1).double() / 3 / (errors.pixels.double() * 255.0**2)


def psnr(
    x: Images,
    y: Images,
    mask: Mask | None = None,
    *,
    color: str = "rgb",
    border: int = 0,
    identical: float = math.inf,
) -> Scores:
    """Peak signal-to-noise ratio of `x` against `y`, in dB for a peak of 1; higher is better.

    The channels share one mean squared error. No epsilon is added, so finite scores are exact.

    Args:
        x, y, mask, color, border: As for `mse`.
        identical: Score where not one pixel differs; the formula itself says infinity.

    Returns:
        float64 in dB: `(B,)` without a mask, `(B, R)` with one. NaN for an empty region.
    """
    error = mse(x, y, mask, color=color, border=border)
    return torch.where(error == 0, identical, -10 * error.log10())


def decibels(error: float, identical: float = math.inf) -> float:
    """PSNR of one mean squared error, on the host.

    Device logarithms differ in the last bit; a record of scores is made with this one.
    """
    return identical if error == 0 else -10 * math.log10(error)


def _integer_mse(x: Tensor, y: Tensor, mask: Mask | None, color: str) -> Scores:
    """Of a luma, or of grey images."""
    difference = x.int() - y.int()
    count = pixel_count(difference[:, 0], mask).double()
    weights = color_weights(color)
    if weights is None or x.shape[1] == 1:
        total = masked_sum(difference[:, 0].square(), mask).double()
        white = 255.0
    else:
        total = _weighted_squares(difference, weights, mask)
        white = 255.0 * (sum(weights) if color == "luma" else STUDIO_WHITE)
    return total / (count * white**2)


def _weighted_squares(difference: Tensor, weights: tuple[int, ...], mask: Mask | None) -> Tensor:
    """Sum of squares of a weighted channel sum, from the exact products of channel pairs.

    The squares of the weighted sums themselves would overflow 64 bits.
    """
    terms = []
    for i, j in combinations_with_replacement(range(len(weights)), 2):
        product = masked_sum(difference[:, i] * difference[:, j], mask).double()
        terms.append(weights[i] * weights[j] * (1 if i == j else 2) * product)
    return torch.stack(terms).sum(dim=0)
