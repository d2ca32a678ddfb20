"""Exact sums of structural similarity over a 5x5 binomial window, per region."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float64, Int, UInt8
from torch import Tensor
from torch.nn.functional import pad

from gpu_metrics.color import LUMA_WEIGHTS, weighted_sum
from gpu_metrics.kernels.cpu import image_sums
from gpu_metrics.kernels.fixed_point import STEP, in_steps, region_sums
from gpu_metrics.kernels.launch import launch, server
from gpu_metrics.kernels.layout import check_bytes, evenly_spaced, region_rows

COLUMNS = 64
ROWS = 64
REGIONS = 4

# (.01 * 255000)^2 and (.03 * 255000)^2, times the square of the window's sum, 256
C1 = 426_147_840_000
C2 = 3_835_330_560_000


class SsimSums(NamedTuple):
    """Integer sums over the pixels of each region that count; zero for an empty region."""

    pixels: Int[Tensor, "B R"]
    steps: Int[Tensor, "B R"]


def ssim_binomial(
    x: UInt8[Tensor, "B 3 H W"],
    y: UInt8[Tensor, "B 3 H W"],
    mask: Bool[Tensor, "B R H W"],
) -> SsimSums:
    """SSIM of luma over a 5x5 binomial window, summed over each region in units of `STEP`.

    Beyond the edge the image is zero, and every pixel counts. Window sums are exact integers, so
    the same bits come out on every device, in any batch.

    Args:
        x, y, mask: As for `region_errors`.
    """
    check_bytes(x, y, mask)
    served_by = server("ssim_binomial", x, y, mask)
    if served_by == "twin":
        return ssim_binomial_reference(x, y, mask)
    if served_by == "compiled":
        sums = image_sums("ssim_binomial", x, y, mask, C1, C2, 1 / STEP, columns=2)
        return SsimSums(sums[..., 0], sums[..., 1])

    batch, regions, height, width = mask.shape
    rows, mask_batch = region_rows(mask)
    u, v = evenly_spaced(x), evenly_spaced(y)
    sums = torch.zeros(batch, regions, 2, dtype=torch.int64, device=x.device)
    launch(
        "ssim_binomial",
        (-(-width // COLUMNS), -(-height // ROWS), batch * -(-regions // REGIONS)),
        (256,),
        u.image,
        v.image,
        rows,
        sums,
        *(height, width, regions),
        *(u.batch, u.channel, u.pixel),
        *(v.batch, v.channel, v.pixel),
        mask_batch,
    )
    return SsimSums(sums[..., 0], sums[..., 1])


def ssim_binomial_reference(
    x: UInt8[Tensor, "B 3 H W"],
    y: UInt8[Tensor, "B 3 H W"],
    mask: Bool[Tensor, "B R H W"],
) -> SsimSums:
    """Twin of `ssim_binomial` in torch operations: any device, the same integers."""
    # integers below 2^53 are exact in float64, which torch computes faster than int64
    u, v = (weighted_sum(image.double(), LUMA_WEIGHTS) for image in (x, y))
    sx, sy, squares, product = (window_sum(m) for m in (u, v, u * u + v * v, u * v))

    means, mean_product = sx * sx + sy * sy, sx * sy
    luminance = 2 * mean_product + C1
    structure = 2 * (256 * product - mean_product) + C2
    brightness = means + C1
    contrast = 256 * squares - means + C2
    values = (luminance * structure) / (brightness * contrast)
    return SsimSums(mask.sum(dim=(-2, -1)), region_sums(in_steps(values), mask))


def window_sum(moment: Float64[Tensor, "*s H W"]) -> Float64[Tensor, "*s H W"]:
    """Sum weighted by 1 4 6 4 1 along both axes, zeros beyond the edge: four times, add the next.

    The weights add up to 256; integers stay exact.
    """
    total = pad(moment, (2, 2, 2, 2))
    for _ in range(4):
        total = total[..., :-1] + total[..., 1:]
    for _ in range(4):
        total = total[..., :-1, :] + total[..., 1:, :]
    return total
