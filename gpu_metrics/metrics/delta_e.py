"""Color differences: CIE76, CIEDE2000, and the distance in OpenCV's 8-bit Lab."""

import torch
from jaxtyping import Float64
from torch import Tensor

from gpu_metrics.color import lab
from gpu_metrics.errors import InputError
from gpu_metrics.kernels.ciede2000 import cie76, ciede2000
from gpu_metrics.kernels.delta_e import delta_e as delta_e_sums
from gpu_metrics.kernels.fixed_point import STEP
from gpu_metrics.kernels.region_errors import RegionErrors, region_errors
from gpu_metrics.metrics.pool import everywhere, masked_mean
from gpu_metrics.tensors import Images, Mask, Scores, check_pair

__all__ = ["cie76", "ciede2000", "delta_e", "delta_e_of"]


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
            4.06. It takes uint8 only.

    uint8 images have the same bits on every device, in any batch; float images go through
    kornia's Lab, whose powers are the device's.

    Returns:
        float64: `(B,)` without a mask, `(B, R)` with one. NaN for an empty region; a non-finite
        pixel inside a region makes its score non-finite.

    Reference:
        Sharma, Wu, Dalal, "The CIEDE2000 color-difference formula", Color Res. Appl. 2005; its
        34 test pairs agree to the printed digits.
    """
    check_pair(x, y, mask, channels=(3,))
    if formula not in ("opencv-8bit", "cie76", "ciede2000"):
        choices = "'ciede2000', 'cie76' or 'opencv-8bit'"
        raise InputError(f"formula: expected {choices}, got {formula!r}")
    if x.dtype != torch.uint8:
        if formula == "opencv-8bit":
            raise InputError(f"formula 'opencv-8bit' is defined on uint8 images, got {x.dtype}")
        difference = {"cie76": cie76, "ciede2000": ciede2000}[formula]
        return masked_mean(difference(lab(x), lab(y)), mask)
    regions = everywhere(x) if mask is None else mask
    if formula == "opencv-8bit":
        scores = delta_e_of(region_errors(x, y, regions))
    else:
        pixels, steps = delta_e_sums(x, y, regions, formula=formula)
        scores = steps.double() * STEP / pixels
    return scores if mask is not None else scores[:, 0]


def delta_e_of(errors: RegionErrors) -> Float64[Tensor, "B R"]:
    """Mean distance in OpenCV's 8-bit Lab of each region, from its exact sums."""
    return errors.lab.double() * STEP / errors.pixels
