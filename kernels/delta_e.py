"""Portable sums of CIE76 or CIEDE2000 color differences of each region."""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int, UInt8
from torch import Tensor

from gpu_metrics.errors import InputError
from gpu_metrics.kernels.bands import bands
from gpu_metrics.kernels.ciede2000 import XYZ, cie76, ciede2000, lab, linear_table
from gpu_metrics.kernels.cpu import image_sums
from gpu_metrics.kernels.fixed_point import STEP, in_steps, region_sums
from gpu_metrics.kernels.launch import launch, server
from gpu_metrics.kernels.layout import check_bytes, evenly_spaced, region_rows

THREADS = 256
PIXELS = 8
REGIONS = 4

_FORMULAS = {"cie76": cie76, "ciede2000": ciede2000}


class DeltaESums(NamedTuple):
    """Integer sums over the pixels of each region; zero for an empty region."""

    pixels: Int[Tensor, "B R"]
    steps: Int[Tensor, "B R"]


def delta_e(
    x: UInt8[Tensor, "B 3 H W"],
    y: UInt8[Tensor, "B 3 H W"],
    mask: Bool[Tensor, "B R H W"],
    *,
    formula: str = "ciede2000",
) -> DeltaESums:
    """Color difference in float64 CIE Lab (D65), summed over each region in units of `STEP`.

    Made of + - * / and square roots alone, so the same bits come out on every device.

    Args:
        x, y, mask: As for `region_errors`.
        formula: "ciede2000" or "cie76".
    """
    check_bytes(x, y, mask)
    if formula not in _FORMULAS:
        raise InputError(f"formula: expected 'ciede2000' or 'cie76', got {formula!r}")
    served_by = server("delta_e", x, y, mask)
    if served_by == "twin":
        return delta_e_reference(x, y, mask, formula=formula)
    if served_by == "compiled":
        options = formula == "ciede2000", linear_table().numpy(), np.array(XYZ), 1 / STEP
        sums = image_sums("delta_e", x, y, mask, *options, columns=2)
        return DeltaESums(sums[..., 0], sums[..., 1])

    batch, regions, height, width = mask.shape
    pixels = height * width
    rows, mask_batch = region_rows(mask)
    u, v = evenly_spaced(x), evenly_spaced(y)
    sums = torch.zeros(batch, regions, 2, dtype=torch.int64, device=x.device)
    launch(
        "delta_e",
        (-(-pixels // (PIXELS * THREADS)), batch, -(-regions // REGIONS)),
        (THREADS,),
        u.image,
        v.image,
        rows,
        _table(x.device),
        sums,
        *(pixels, regions, int(formula == "ciede2000")),
        *(u.batch, u.channel, u.pixel),
        *(v.batch, v.channel, v.pixel),
        mask_batch,
    )
    return DeltaESums(sums[..., 0], sums[..., 1])


def delta_e_reference(
    x: UInt8[Tensor, "B 3 H W"],
    y: UInt8[Tensor, "B 3 H W"],
    mask: Bool[Tensor, "B R H W"],
    *,
    formula: str = "ciede2000",
) -> DeltaESums:
    """Twin of `delta_e` in torch operations: any device, the same integers."""
    difference = _FORMULAS[formula]
    steps = [
        region_sums(in_steps(difference(lab(u), lab(v))), inside)
        for u, v, inside in bands(x, y, mask)
    ]
    return DeltaESums(mask.sum(dim=(-2, -1)), torch.stack(steps).sum(dim=0))


@cache
def _table(device: torch.device) -> Float64[Tensor, "256"]:
    return linear_table().to(device)
