"""Pictures and regions that kernels are tested on, from seeded CPU generators."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

SIZES = [(1, 1), (1, 7), (10, 10), (11, 11), (12, 40), (31, 31), (37, 53), (64, 65)]
REGIONS = ["nowhere", "everywhere", "pixel", "row", "random", "border"]


def pair(batch: int, height: int, width: int, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A smooth 8-bit image and a noisy copy: flat regions and edges, as photographs have."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, 3, 5, 5, generator=generator)
    x = interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)
    y = (x + 0.1 * torch.randn(x.shape, generator=generator)).clamp(0, 1)
    return (255 * x).round().to(torch.uint8), (255 * y).round().to(torch.uint8)


def noise(batch: int, height: int, width: int, *, seed: int = 0) -> Tensor:
    """Bytes with nothing in common, so that every value and every table entry occurs."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8, generator=generator)


def region(kind: str, batch: int, height: int, width: int, *, seed: int = 0) -> Tensor:
    """One region per image, `(batch, 1, height, width)`."""
    mask = torch.zeros(batch, 1, height, width, dtype=torch.bool)
    if kind == "everywhere":
        mask[:] = True
    elif kind == "pixel":
        mask[..., height // 2, width // 2] = True
    elif kind == "row":
        mask[..., height // 2, :] = True
    elif kind == "random":
        generator = torch.Generator().manual_seed(seed)
        mask = torch.rand(mask.shape, generator=generator) > 0.5
    elif kind == "border":
        mask[:] = True
        mask[..., 1:-1, 1:-1] = False
    return mask


def all_regions(batch: int, height: int, width: int) -> Tensor:
    """Every kind of region at once, `(batch, 6, height, width)`; they overlap."""
    return torch.cat([region(kind, batch, height, width) for kind in REGIONS], dim=1)


def interleaved(image: Tensor) -> Tensor:
    """The same image with the channels of a pixel side by side, as decoders write it."""
    return image.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
