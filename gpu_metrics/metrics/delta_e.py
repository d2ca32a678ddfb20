"""Color differences: CIE76, CIEDE2000, and the distance in OpenCV's 8-bit Lab."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from gpu_metrics.color import lab, lab8
from gpu_metrics.errors import InputError
from gpu_metrics.metrics.pool import masked_mean
from gpu_metrics.tensors import Images, Mask, Scores, check_pair


def delta_e(
    x: Images,
    y: Images,
    mask: Mask | None = None,
    *,
    formula: str = "ciede2000",
) -> Scores:
    """Mean color difference between `x` and `y`; 0 is identical, lower is better.

    Args:
        x, y: sRGB images, uint8 or float in [0, 1], `(B, 3, H, W)`.
        mask: Pixels of each region, `(B, R, H, W)`. None means the whole image.
        formula: "ciede2000" or "cie76" in CIE Lab (D65), where a difference of about 1 is just
            visible. "opencv-8bit" is the Euclidean distance of 8-bit Lab as OpenCV rounds and
            scales it (L 0..255): often called CIE76, but grey 100 against 110 scores 11.0, not
            4.06. It takes uint8 only and has the same bits on every device.

    Returns:
        float64: `(B,)` without a mask, `(B, R)` with one. NaN for an empty region; a non-finite
        pixel inside a region makes its score non-finite.

    Reference:
        Sharma, Wu, Dalal, "The CIEDE2000 color-difference formula", Color Res. Appl. 2005; its
        34 test pairs agree to the printed digits.
    """
    check_pair(x, y, mask, channels=(3,))
    exact = x.dtype == torch.uint8
    if formula == "opencv-8bit":
        if not exact:
            raise InputError(f"formula 'opencv-8bit' is defined on uint8 images, got {x.dtype}")
        squares = (lab8(x).int() - lab8(y).int()).square().sum(dim=1)
        return masked_mean(squares.double().sqrt(), mask, exact=True)
    if formula not in ("cie76", "ciede2000"):
        choices = "'ciede2000', 'cie76' or 'opencv-8bit'"
        raise InputError(f"formula: expected {choices}, got {formula!r}")
    difference = ciede2000 if formula == "ciede2000" else cie76
    return masked_mean(difference(lab(x), lab(y)).double(), mask, exact=exact)


def cie76(x: Float[Tensor, "B 3 *s"], y: Float[Tensor, "B 3 *s"]) -> Float[Tensor, "B *s"]:
    """CIE76 difference of two sets of CIE Lab colors: their Euclidean distance."""
    return (x - y).square().sum(dim=1).sqrt()


def ciede2000(x: Float[Tensor, "B 3 *s"], y: Float[Tensor, "B 3 *s"]) -> Float[Tensor, "B *s"]:
    """CIEDE2000 difference of two sets of CIE Lab colors, with all weighting factors 1.

    Symbols are those of Sharma et al. 2005; the final letter tells `x` (1) from `y` (2).
    """
    (l1, a1, b1), (l2, a2, b2) = x.unbind(1), y.unbind(1)
    chroma = (torch.hypot(a1, b1) + torch.hypot(a2, b2)) / 2
    g = 0.5 * (1 - _saturation(chroma))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = torch.hypot(a1, b1), torch.hypot(a2, b2)
    h1, h2 = _hue(a1, b1), _hue(a2, b2)
    colored = (c1 != 0) & (c2 != 0)

    dh = h2 - h1
    dh = torch.where(dh > 180, dh - 360, torch.where(dh < -180, dh + 360, dh))
    dh = torch.where(colored, dh, 0)
    delta_l, delta_c = l2 - l1, c2 - c1
    delta_h = 2 * (c1 * c2).sqrt() * torch.sin(torch.deg2rad(dh / 2))

    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    total = h1 + h2
    wrapped = torch.where(total < 360, total + 360, total - 360)
    hue = torch.where((h1 - h2).abs() > 180, wrapped, total) / 2
    hue = torch.where(colored, hue, total)

    t = (
        1
        - 0.17 * _cos(hue - 30)
        + 0.24 * _cos(2 * hue)
        + 0.32 * _cos(3 * hue + 6)
        - 0.20 * _cos(4 * hue - 63)
    )
    theta = 30 * torch.exp(-(((hue - 275) / 25) ** 2))
    bend = (lightness - 50).square()
    s_l = 1 + 0.015 * bend / (20 + bend).sqrt()
    s_c = 1 + 0.045 * chroma
    s_h = 1 + 0.015 * chroma * t
    r_t = -torch.sin(torch.deg2rad(2 * theta)) * 2 * _saturation(chroma)

    dl, dc, dh = delta_l / s_l, delta_c / s_c, delta_h / s_h
    return (dl * dl + dc * dc + dh * dh + r_t * dc * dh).clamp_min(0).sqrt()


def _saturation(chroma: Tensor) -> Tensor:
    """sqrt(C^7 / (C^7 + 25^7)), written so that C^7 cannot overflow."""
    ratio = (chroma / 25) ** 7
    return (ratio / (ratio + 1)).sqrt()


def _hue(a: Tensor, b: Tensor) -> Tensor:
    degrees = torch.rad2deg(torch.atan2(b, a))
    return torch.where(degrees < 0, degrees + 360, degrees)


def _cos(degrees: Tensor) -> Tensor:
    return torch.cos(degrees * (math.pi / 180))
