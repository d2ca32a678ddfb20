"""Reduce per-pixel maps to scores. The only module that knows how masks work."""

from typing import overload

import torch
from jaxtyping import Int64, Num
from torch import Tensor

from gpu_metrics.tensors import Map, Mask, Scores

# one unit of the fixed-point sums; 2^24 per unit leaves room for 5e8 pixels of a Delta E of 1000
_FIXED_POINT = 2.0**24


def masked_sum(
    values: Num[Tensor, "B H W"], mask: Mask | None = None
) -> Num[Tensor, "B"] | Num[Tensor, "B R"]:
    """Sum of `values` over the image `(B,)`, or over each of R regions `(B, R)`.

    Integers are summed in 64 bits, exactly. Values outside a region are never touched, so not
    even a NaN there can reach the sum.
    """
    if mask is None:
        return values.sum(dim=(-2, -1))
    zero = values.new_zeros(())
    regions = [torch.where(region, values, zero).sum(dim=(-2, -1)) for region in mask.unbind(1)]
    return torch.stack(regions, dim=1)


def pixel_count(
    values: Num[Tensor, "B H W"], mask: Mask | None = None
) -> Int64[Tensor, "B"] | Int64[Tensor, "B R"]:
    """Number of pixels that `masked_sum` adds up, in the shape of its result."""
    if mask is None:
        area = values.shape[-2] * values.shape[-1]
        return torch.full(values.shape[:1], area, dtype=torch.int64, device=values.device)
    return mask.sum(dim=(-2, -1))


def masked_mean(values: Map, mask: Mask | None = None, *, exact: bool = False) -> Scores:
    """Mean of `values` over the image `(B,)`, or over each of R regions `(B, R)`, in float64.

    An empty region has no mean: its score is NaN, which reports show as a blank.

    Args:
        values: Map to average.
        mask: Pixels of each region. None means the whole image.
        exact: Sum in 2^-24 fixed point, so that neither device, batch nor thread count can move
            a bit. Values must stay below 1000 and 5e8 pixels; no gradient passes. Each value is
            rounded by 3e-8 at most.
    """
    count = pixel_count(values, mask)
    if exact:
        units = torch.round(values * _FIXED_POINT).to(torch.int64)
        return masked_sum(units, mask).double() / _FIXED_POINT / count
    return masked_sum(values, mask) / count


def everywhere(image: Num[Tensor, "B C H W"]) -> Mask:
    """One region that is the whole image, `(B, 1, H, W)`, in the memory of a single mask."""
    batch, _, height, width = image.shape
    one = torch.ones(1, 1, height, width, dtype=torch.bool, device=image.device)
    return one.expand(batch, 1, height, width)


@overload
def crop(image: Tensor, margin: int) -> Tensor: ...
@overload
def crop(image: None, margin: int) -> None: ...
def crop(image: Tensor | None, margin: int) -> Tensor | None:
    """Drop `margin` pixels per side of images or masks, `(..., H, W)`."""
    if image is None or margin == 0:
        return image
    return image[..., margin:-margin, margin:-margin]
