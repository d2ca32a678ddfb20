"""Portable sums of structural similarity over an 11x11 Gaussian window, per region."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int, UInt8
from torch import Tensor

from gpu_metrics.color import LUMA_WEIGHTS, weighted_sum
from gpu_metrics.errors import InputError
from gpu_metrics.kernels.bands import bands
from gpu_metrics.kernels.cpu import image_sums
from gpu_metrics.kernels.fixed_point import STEP, in_steps, region_sums
from gpu_metrics.kernels.launch import launch, server
from gpu_metrics.kernels.layout import check_bytes, evenly_spaced, region_rows

COLUMNS = 32
ROWS = 16
REGIONS = 4
RADIUS = 5

# exp(-k^2 / 4.5), k = 0..5, over the sum of all eleven taps
WINDOW = (
    0.26601172486179436,
    0.2130055377112537,
    0.10936068950970002,
    0.03600077212843082,
    0.007598758135239184,
    0.0010283800844791099,
)


class ChannelSsimSums(NamedTuple):
    """Integer sums over the pixels of each region with a full window; zero if there are none."""

    pixels: Int[Tensor, "B R"]
    steps: Int[Tensor, "B R C"]


class _Scale(NamedTuple):
    """Unit of a channel: its number of channels, its white and a value near its middle."""

    channels: int
    white: int
    middle: int


_SCALES = {"rgb": _Scale(3, 255, 128), "luma": _Scale(1, 255_000, 128_000)}


def ssim_gaussian(
    x: UInt8[Tensor, "B 3 H W"],
    y: UInt8[Tensor, "B 3 H W"],
    mask: Bool[Tensor, "B R H W"],
    *,
    color: str = "rgb",
) -> ChannelSsimSums:
    """SSIM over an 11x11 Gaussian window, sigma 1.5, summed over each region in units of `STEP`.

    Only pixels whose whole window lies inside the image count, so sides need 11 px. Moments are
    float64 about mid-grey and added in one fixed order, center first, then pair by pair outwards,
    rows before columns: the same bits on every device, in any batch.

    Args:
        x, y, mask: As for `region_errors`.
        color: "rgb" for a sum per channel, "luma" for .299 R + .587 G + .114 B.
    """
    check_bytes(x, y, mask, min_side=2 * RADIUS + 1)
    scale = _scale(color)
    served_by = server("ssim_gaussian", x, y, mask)
    if served_by == "twin":
        return ssim_gaussian_reference(x, y, mask, color=color)
    if served_by == "compiled":
        options = np.array(WINDOW), scale.middle, *_stabilisers(scale.white), 1 / STEP
        columns = 1 + scale.channels
        sums = image_sums("ssim_gaussian", x, y, mask, *options, columns=columns, margin=RADIUS)
        return ChannelSsimSums(sums[..., 0], sums[..., 1:])

    batch, regions, height, width = mask.shape
    rows, mask_batch = region_rows(mask)
    u, v = evenly_spaced(x), evenly_spaced(y)
    sums = torch.zeros(batch, scale.channels, regions, 2, dtype=torch.int64, device=x.device)
    launch(
        "ssim_gaussian",
        (
            -(-(width - 2 * RADIUS) // COLUMNS),
            -(-(height - 2 * RADIUS) // ROWS),
            batch * scale.channels * -(-regions // REGIONS),
        ),
        (256,),
        u.image,
        v.image,
        rows,
        sums,
        *(height, width, regions, scale.channels),
        *(u.batch, u.channel, u.pixel),
        *(v.batch, v.channel, v.pixel),
        mask_batch,
        scale.middle,
        *_stabilisers(scale.white),
    )
    return ChannelSsimSums(sums[:, 0, :, 0], sums[..., 1].movedim(1, 2))


def ssim_gaussian_reference(
    x: UInt8[Tensor, "B 3 H W"],
    y: UInt8[Tensor, "B 3 H W"],
    mask: Bool[Tensor, "B R H W"],
    *,
    color: str = "rgb",
) -> ChannelSsimSums:
    """Twin of `ssim_gaussian` in torch operations: any device, the same integers."""
    scale = _scale(color)
    parts = [_band(u, v, inside, scale) for u, v, inside in bands(x, y, mask, halo=RADIUS)]
    return ChannelSsimSums(*(torch.stack(part).sum(dim=0) for part in zip(*parts, strict=True)))


def _band(x: Tensor, y: Tensor, mask: Tensor, scale: _Scale) -> ChannelSsimSums:
    c1, c2 = _stabilisers(scale.white)
    u, v = (_channels(image, scale) for image in (x, y))
    mx, my, squares, product = (window_mean(m) for m in (u, v, u * u + v * v, u * v))

    variances = squares - (mx * mx + my * my)
    covariance = product - mx * my
    mx, my = mx + scale.middle, my + scale.middle
    luminance = 2 * (mx * my) + c1
    structure = 2 * covariance + c2
    brightness = (mx * mx + my * my) + c1
    contrast = variances + c2
    values = (luminance * structure) / (brightness * contrast)

    centers = mask[..., RADIUS:-RADIUS, RADIUS:-RADIUS]
    return ChannelSsimSums(centers.sum(dim=(-2, -1)), region_sums(in_steps(values), centers))


def _scale(color: str) -> _Scale:
    if color not in _SCALES:
        raise InputError(f"color: expected 'rgb' or 'luma', got {color!r}")
    return _SCALES[color]


def _stabilisers(white: int) -> tuple[float, float]:
    return (0.01 * white) ** 2, (0.03 * white) ** 2


def _channels(image: UInt8[Tensor, "B 3 H W"], scale: _Scale) -> Float64[Tensor, "B c H W"]:
    image = image.double()
    if scale.channels == 1:
        image = weighted_sum(image, LUMA_WEIGHTS)[:, None]
    return image - scale.middle


def window_mean(moment: Float64[Tensor, "B c H W"]) -> Float64[Tensor, "B c h w"]:
    """Gaussian mean wherever the window fits, in the kernel's own order of additions.

    A convolution may reorder or fuse them, and then devices disagree in the last bits.
    """
    return _blurred(_blurred(moment, dim=-1), dim=-2)


def _blurred(values: Float64[Tensor, "B c H W"], *, dim: int) -> Float64[Tensor, "B c h w"]:
    length = values.shape[dim] - 2 * RADIUS
    taps = [values.narrow(dim, k, length) for k in range(2 * RADIUS + 1)]
    total = WINDOW[0] * taps[RADIUS]
    for k in range(1, RADIUS + 1):
        total = total + WINDOW[k] * (taps[RADIUS - k] + taps[RADIUS + k])
    return total
