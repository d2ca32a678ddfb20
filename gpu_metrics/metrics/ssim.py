"""Structural similarity with the Gaussian window of the paper or a binomial one."""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float64
from torch import Tensor

from gpu_metrics.color import as_color
from gpu_metrics.errors import InputError
from gpu_metrics.kernels.fixed_point import STEP
from gpu_metrics.kernels.ssim_binomial import ssim_binomial, window_sum
from gpu_metrics.kernels.ssim_gaussian import RADIUS, ssim_gaussian, window_mean
from gpu_metrics.metrics.pool import crop, everywhere, masked_mean
from gpu_metrics.tensors import Images, Mask, Scores, check_pair


def ssim(
    x: Images,
    y: Images,
    mask: Mask | None = None,
    *,
    window: str = "gaussian",
    color: str = "rgb",
    border: int = 0,
) -> Scores:
    """Structural similarity between `x` and `y`; 1 is identical, higher is better.

    Near a region's edge the window sees both sides: a mask selects where SSIM is averaged, not
    what it looks at. Moments are float64 about a pivot inside the range, so nothing cancels in
    flat or offset images, and operations have one order, so 8-bit images give the same bits on
    every device and in every batch.

    Args:
        x, y: Images, uint8 or float in [0, 1], `(B, C, H, W)`, C of 1 or 3.
        mask: Pixels of each region, `(B, R, H, W)`. None means the whole image.
        window: "gaussian" is the paper's: 11x11, sigma 1.5, only pixels whose whole window lies
            inside the image count. "binomial" is 5x5, outer([1 4 6 4 1]) / 256, zeros beyond the
            edge, and every pixel counts.
        color: "rgb" averages over the channels; "luma" and "y" as for `mse`.
        border: Pixels left out at each side, before anything is computed.

    Returns:
        float64 in [-1, 1]: `(B,)` without a mask, `(B, R)` with one. NaN for a region without a
        pixel that counts; a non-finite pixel makes a score that sees it NaN.

    Reference:
        Wang et al., "Image quality assessment: from error visibility to structural similarity",
        IEEE TIP 2004. "gaussian" equals scikit-image's `structural_similarity` with
        `gaussian_weights=True, use_sample_covariance=False`, in float64.
    """
    check_pair(x, y, mask, border=border)
    if x.dtype == torch.uint8 and x.shape[1] == 3 and (window, color) in _KERNELS:
        x, y, mask = crop(x, border), crop(y, border), crop(mask, border)
        scores = _KERNELS[window, color](x, y, everywhere(x) if mask is None else mask)
        return scores if mask is not None else scores[:, 0]
    values, margin = ssim_map(x, y, window=window, color=color, border=border)
    region = crop(mask, border + margin)
    return masked_mean(values.mean(dim=1), region, exact=x.dtype == torch.uint8)


def ssim_per_channel(
    x: Images, y: Images, mask: Mask | None = None, *, window: str = "gaussian", border: int = 0
) -> Float64[Tensor, "B C"] | Float64[Tensor, "B R C"]:
    """SSIM of each channel by itself, `(B, C)` or `(B, R, C)`; arguments as for `ssim`."""
    check_pair(x, y, mask, channels=tuple(x.shape[1:2]))
    channels = range(x.shape[1])
    single = partial(ssim, mask=mask, window=window, border=border)
    return torch.stack([single(x[:, c : c + 1], y[:, c : c + 1]) for c in channels], dim=-1)


def ssim_map(
    x: Images, y: Images, *, window: str = "gaussian", color: str = "rgb", border: int = 0
) -> tuple[Float64[Tensor, "B c h w"], int]:
    """SSIM at every pixel that counts, and how many pixels per side do not.

    Args:
        x, y, window, color, border: As for `ssim`.
    """
    if window not in ("gaussian", "binomial"):
        raise InputError(f"window: expected 'gaussian' or 'binomial', got {window!r}")
    margin = RADIUS if window == "gaussian" else 0
    check_pair(x, y, min_side=2 * margin + 1, border=border)
    (x, white), (y, _) = (as_color(crop(image, border), color) for image in (x, y))
    if window == "gaussian":
        # any finite value of the image's own range will do
        pivot = y[..., :1, :1].nan_to_num(posinf=0, neginf=0)
        return _ssim(x, y, window_mean, weight=1.0, white=white, pivot=pivot), margin
    return _ssim(x, y, window_sum, weight=256.0, white=white, pivot=0.0), margin


def _binomial_luma(x: Tensor, y: Tensor, mask: Mask) -> Float64[Tensor, "B R"]:
    pixels, steps = ssim_binomial(x, y, mask)
    return steps.double() * STEP / pixels


def _gaussian_channels(x: Tensor, y: Tensor, mask: Mask, color: str) -> Float64[Tensor, "B R"]:
    pixels, steps = ssim_gaussian(x, y, mask, color=color)
    return steps.sum(dim=-1).double() * STEP / (steps.shape[-1] * pixels)


# what 8-bit color images are most often scored by
_KERNELS: dict[tuple[str, str], Callable[[Tensor, Tensor, Mask], Tensor]] = {
    ("binomial", "luma"): _binomial_luma,
    ("gaussian", "rgb"): partial(_gaussian_channels, color="rgb"),
    ("gaussian", "luma"): partial(_gaussian_channels, color="luma"),
}


def _ssim(
    x: Tensor,
    y: Tensor,
    blur: Callable[[Tensor], Tensor],
    *,
    weight: float,
    white: float,
    pivot: Tensor | float,
) -> Tensor:
    """SSIM map for a window whose weights add up to `weight`, kept as integers where they are."""
    x, y = x - pivot, y - pivot
    mx, my = blur(x), blur(y)
    sxx_syy = weight * blur(x * x + y * y) - (mx * mx + my * my)
    sxy = weight * blur(x * y) - mx * my

    c1 = (0.01 * white * weight) ** 2
    c2 = (0.03 * white * weight) ** 2
    mx, my = mx + weight * pivot, my + weight * pivot
    luminance = (2 * (mx * my) + c1) / (mx * mx + my * my + c1)
    structure = (2 * sxy + c2) / (sxx_syy + c2)
    return luminance * structure
