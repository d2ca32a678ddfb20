"""Sums of per-pixel values as integers, so that no order of adding can change a bit."""

import torch
from jaxtyping import Bool, Float64, Int, Int64
from torch import Tensor

# 2^39 pixels of a value of 1 fit in 63 bits
STEP = 2.0**-24


def in_steps(values: Float64[Tensor, "..."]) -> Int64[Tensor, "..."]:
    """`values` in units of `STEP`, rounded half to even."""
    return (values / STEP).round().long()


def region_sums(
    values: Int[Tensor, "B ..."], mask: Bool[Tensor, "B R H W"]
) -> Int64[Tensor, "B R ..."]:
    """Sum of `values`, `(B, H, W)` or `(B, C, H, W)`, over each region: `(B, R)` or `(B, R, C)`."""
    sums = []
    for inside in mask.unbind(dim=1):
        if values.dim() == 4:
            inside = inside[:, None]
        sums.append(values.where(inside, 0).sum(dim=(-2, -1)))
    return torch.stack(sums, dim=1)
