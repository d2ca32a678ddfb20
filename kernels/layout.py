"""How the bytes of an image lie in memory, for kernels that take them as they are."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from gpu_metrics.errors import InputError
from gpu_metrics.tensors import check_pair


class Pixels(NamedTuple):
    """An image whose pixels are evenly spaced, and its strides in bytes."""

    image: Tensor
    batch: int
    channel: int
    pixel: int


def check_bytes(x: Tensor, y: Tensor, mask: Tensor, *, min_side: int = 1) -> None:
    """Raise InputError unless `x` and `y` are comparable 8-bit color images under `mask`."""
    if x.dtype != torch.uint8:
        raise InputError(f"x and y: expected uint8 images, got {x.dtype}")
    check_pair(x, y, mask, channels=(3,), min_side=min_side)


def evenly_spaced(image: UInt8[Tensor, "B C H W"]) -> Pixels:
    """View `image` as a row of pixels; planar, interleaved and broadcast batches stay in place.

    Only an image whose rows do not follow each other, such as a crop, is copied.
    """
    height, width = image.shape[-2:]
    batch, channel, row, column = image.stride()
    # torch leaves the stride of a single row or column undefined
    if width == 1:
        column = row
    elif height > 1 and row != width * column:
        image = image.contiguous()
        batch, channel, row, column = image.stride()
    return Pixels(image, batch, channel, column)


def region_rows(mask: Bool[Tensor, "B R H W"]) -> tuple[Tensor, int]:
    """`mask` with each image's regions packed, and its batch stride, zero when broadcast."""
    if not mask[0].is_contiguous():
        mask = mask.contiguous()
    return mask, mask.stride(0)
