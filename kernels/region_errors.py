"""Exact error sums of each region of an image pair: count, squared error, 8-bit Lab distance."""

from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int, UInt8
from torch import Tensor

from gpu_metrics.color import cube_root_table, lab8, srgb_to_linear_table
from gpu_metrics.kernels.cpu import image_sums
from gpu_metrics.kernels.fixed_point import STEP, in_steps, region_sums
from gpu_metrics.kernels.launch import launch, server
from gpu_metrics.kernels.layout import check_bytes, evenly_spaced, region_rows

THREADS = 256
QUADS = 4
REGIONS = 4


class RegionErrors(NamedTuple):
    """Integer sums over the pixels of each region; an empty region counts zero everywhere."""

    pixels: Int[Tensor, "B R"]
    squared: Int[Tensor, "B R 3"]
    lab: Int[Tensor, "B R"]


def region_errors(
    x: UInt8[Tensor, "B 3 H W"],
    y: UInt8[Tensor, "B 3 H W"],
    mask: Bool[Tensor, "B R H W"],
    *,
    lab: bool = True,
) -> RegionErrors:
    """Pixels, squared errors of R, G and B, and Lab distance, summed over each region.

    The same integers on every device, in any batch. `lab` sums the Euclidean distance of 8-bit
    Lab colors in units of `STEP`, rounded half to even at each pixel. One pass over the
    bytes; pixels in no region are not read.

    Args:
        x, y: 8-bit sRGB, planar or interleaved (channels last); a crop is copied first. A
            reference broadcast over the batch with `expand` is read in place.
        mask: Pixels of each region; regions may overlap. Up to four are served by one pass.
        lab: Whether the Lab distance is wanted; it comes out as zero otherwise.
    """
    check_bytes(x, y, mask)
    served_by = server("region_errors", x, y, mask)
    if served_by == "twin":
        return region_errors_reference(x, y, mask, lab=lab)
    if served_by == "compiled":
        tables = (table.numpy() for table in _tables(x.device))
        sums = image_sums("region_errors", x, y, mask, lab, *tables, 1 / STEP, columns=5)
        return RegionErrors(sums[..., 0], sums[..., 1:4], sums[..., 4])

    batch, regions, height, width = mask.shape
    pixels = height * width
    rows, mask_batch = region_rows(mask)
    u, v = evenly_spaced(x), evenly_spaced(y)
    sums = torch.zeros(batch, regions, 5, dtype=torch.int64, device=x.device)
    launch(
        "region_errors",
        (-(-pixels // (4 * QUADS * THREADS)), batch, -(-regions // REGIONS)),
        (THREADS,),
        u.image,
        v.image,
        rows,
        *_tables(x.device),
        sums,
        pixels,
        regions,
        *(u.batch, u.channel, u.pixel),
        *(v.batch, v.channel, v.pixel),
        mask_batch,
    )
    return RegionErrors(sums[..., 0], sums[..., 1:4], sums[..., 4] * lab)


def region_errors_reference(
    x: UInt8[Tensor, "B 3 H W"],
    y: UInt8[Tensor, "B 3 H W"],
    mask: Bool[Tensor, "B R H W"],
    *,
    lab: bool = True,
) -> RegionErrors:
    """Twin of `region_errors` in torch operations: any device, the same integers."""
    pixels = mask.sum(dim=(-2, -1))
    squared = region_sums((x.int() - y.int()).square(), mask)
    if not lab:
        return RegionErrors(pixels, squared, torch.zeros_like(pixels))
    apart = (lab8(x).int() - lab8(y).int()).square().sum(dim=1)
    return RegionErrors(pixels, squared, region_sums(in_steps(apart.double().sqrt()), mask))


@cache
def _tables(device: torch.device) -> tuple[Tensor, Tensor]:
    return srgb_to_linear_table().to(device), cube_root_table().to(device)
