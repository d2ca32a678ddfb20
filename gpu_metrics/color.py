"""Color spaces of the metrics: luma, 8-bit Lab as OpenCV defines it, and float CIE Lab."""

from functools import cache

import kornia.color
import numpy as np
import torch
from jaxtyping import Float, Float64, Int, UInt8
from torch import Tensor

from gpu_metrics.errors import InputError

# thousandths, so that the luma of 8-bit colors is an exact integer
LUMA_WEIGHTS = (299, 587, 114)

# ITU-R BT.601 studio swing, 16..235, as in MATLAB's rgb2ycbcr, in thousandths of 8-bit steps
STUDIO_WEIGHTS = (65_481, 128_553, 24_966)
STUDIO_OFFSET = 16_000
STUDIO_WHITE = 255_000

# linear sRGB to XYZ over the D65 white, in 4096ths, rows X, Y, Z
_XYZ_WEIGHTS = ((1777, 1541, 778), (871, 2929, 296), (73, 448, 3575))
_XYZ_BITS = 12
_LAB_BITS = 15


@cache
def srgb_to_linear_table() -> Int[Tensor, "256"]:
    """Linear light of each 8-bit sRGB value, in 2040ths (eight steps per 8-bit level)."""
    v = np.arange(256) / 255
    linear = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    return torch.from_numpy(np.rint(2040 * linear).astype(np.int32))


@cache
def cube_root_table() -> Int[Tensor, "3072"]:
    """CIE Lab's f(t) for t in 2040ths, in 32768ths.

    Evaluated in float32 as OpenCV does: a float64 table differs in 1,671 of all colors.
    """
    t = np.arange(3072, dtype=np.float32) / np.float32(2040)
    line = t * np.float32(7.787) + np.float32(0.13793103448275862)
    f = np.where(t < np.float32(0.008856), line, np.cbrt(t))
    return torch.from_numpy(np.rint(32768 * f.astype(np.float32)).astype(np.int32))


def lab8(image: UInt8[Tensor, "B 3 H W"]) -> UInt8[Tensor, "B 3 H W"]:
    """8-bit CIE Lab of 8-bit sRGB: L scaled to 0..255, a and b offset by 128, all rounded.

    Bit for bit OpenCV's `cvtColor(image, COLOR_RGB2Lab)` for every one of the 16,777,216 colors,
    in integer arithmetic, so any device gives the same bytes.
    """
    linear = srgb_to_linear_table().to(image.device)[image.int()]
    roots = cube_root_table().to(image.device)
    fx, fy, fz = (
        roots[_descale(weighted_sum(linear, weights), _XYZ_BITS)] for weights in _XYZ_WEIGHTS
    )
    lightness = _descale(296 * fy - 1_336_934, _LAB_BITS)
    a = _descale(500 * (fx - fy), _LAB_BITS) + 128
    b = _descale(200 * (fy - fz), _LAB_BITS) + 128
    return torch.stack([lightness, a, b], dim=1).clamp(0, 255).to(torch.uint8)


def lab(image: Float[Tensor, "B 3 H W"]) -> Float64[Tensor, "B 3 H W"]:
    """CIE Lab (D65) of sRGB in [0, 1] through kornia, in float64: L in 0..100."""
    # powers of scattered elements take another path than those in a row, with other last bits
    return kornia.color.rgb_to_lab(image.contiguous().double())


def weighted_sum(channels: Tensor, weights: tuple[int, ...]) -> Tensor:
    """Sum over the channel axis of `(B, C, ...)` with one weight per channel: `(B, ...)`."""
    first, *others = (w * channels[:, i] for i, w in enumerate(weights))
    return sum(others, start=first)


def as_color(image: Tensor, color: str) -> tuple[Tensor, float]:
    """Channels that a metric compares, in float64, and the value that stands for white.

    8-bit input keeps its exact integers (255 is white), and luma counts in thousandths of them.
    Float input keeps its scale (1 is white).

    Args:
        image: Images, `(B, C, H, W)`.
        color: "rgb" for the channels as they are; "luma" for .299 R + .587 G + .114 B; "y" for
            the luma of BT.601 in studio swing, 16..235 of 255. Grey images are left as they are.
    """
    white = 255.0 if image.dtype == torch.uint8 else 1.0
    image = image.double()
    weights = color_weights(color)
    if weights is None or image.shape[1] == 1:
        return image, white
    luma = weighted_sum(image, weights)[:, None]
    if color == "luma":
        return luma, sum(LUMA_WEIGHTS) * white
    return luma + STUDIO_OFFSET * white, STUDIO_WHITE * white


def color_weights(color: str) -> tuple[int, ...] | None:
    """Channel weights of a luma in thousandths; None where channels are compared one by one."""
    try:
        return {"rgb": None, "luma": LUMA_WEIGHTS, "y": STUDIO_WEIGHTS}[color]
    except KeyError:
        raise InputError(f"color: expected 'rgb', 'luma' or 'y', got {color!r}") from None


def _descale(value: Tensor, bits: int) -> Tensor:
    return (value + (1 << (bits - 1))) >> bits
