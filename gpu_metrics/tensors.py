"""The tensor vocabulary of the package, and the one check every metric makes."""

import math

import torch
from jaxtyping import Bool, Float, Float64, UInt8
from torch import Tensor

from gpu_metrics.errors import InputError

Images = UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"]
Map = Float64[Tensor, "B H W"]
Mask = Bool[Tensor, "B R H W"]
Scores = Float64[Tensor, "B"] | Float64[Tensor, "B R"]


def check_pair(
    x: Tensor,
    y: Tensor,
    mask: Tensor | None = None,
    *,
    channels: tuple[int, ...] = (1, 3),
    min_side: int = 1,
    border: int = 0,
) -> None:
    """Raise InputError unless `x`, `y` and `mask` can be compared.

    Floats outside [0, 1] are refused on a CPU. Elsewhere pixels are not read, since that would
    wait for the device, nor where a gradient is asked for: a loss sees what a network puts out.

    Args:
        x, y, mask: As the metrics take them.
        channels: Numbers of channels that will do.
        min_side: Least height and width, once `border` pixels are left out at each side.
        border: As the metrics take it.
    """
    if border < 0:
        raise InputError(f"border: expected 0 or more pixels, got {border}")
    if x.dim() != 4:
        raise InputError(
            f"x: expected (B, C, H, W) images, got {tuple(x.shape)}; add a batch axis with x[None]"
        )
    if x.shape != y.shape:
        raise InputError(
            f"x and y must have equal shapes, got {tuple(x.shape)} and {tuple(y.shape)}"
        )
    if x.dtype != y.dtype or not (x.dtype == torch.uint8 or x.is_floating_point()):
        raise InputError(
            f"x and y: expected uint8 images or float images in [0, 1], both of one dtype, "
            f"got {x.dtype} and {y.dtype}"
        )
    if x.device != y.device:
        raise InputError(f"x and y must share a device, got {x.device} and {y.device}")
    if x.shape[1] not in channels:
        wanted = " or ".join(map(str, channels))
        hint = "; channels come before height and width" if x.shape[-1] in channels else ""
        raise InputError(f"x and y: expected {wanted} channels, got {x.shape[1]}{hint}")
    if min(x.shape[-2:]) < min_side + 2 * border:
        beyond = f" beyond a border of {border} px" if border else ""
        raise InputError(
            f"sides must be at least {min_side} px for this metric{beyond}, "
            f"got {x.shape[-2]}x{x.shape[-1]}"
        )
    if mask is not None:
        _check_mask(mask, x)
    for name, image in (("x", x), ("y", y)):
        if image.is_floating_point() and image.is_cpu and not image.requires_grad:
            _check_range(name, image)


def _check_mask(mask: Tensor, x: Tensor) -> None:
    if mask.dtype != torch.bool:
        raise InputError(f"mask: expected booleans, got {mask.dtype}; threshold it first")
    fits = mask.dim() == 4 and mask.shape[0] == x.shape[0] and mask.shape[2:] == x.shape[2:]
    if not fits or mask.shape[1] == 0:
        expected = (x.shape[0], "R", *x.shape[2:])
        raise InputError(
            f"mask: expected shape ({', '.join(map(str, expected))}) for R >= 1 regions of "
            f"images {tuple(x.shape)}, got {tuple(mask.shape)}"
        )
    if mask.device != x.device:
        raise InputError(f"mask must share the device of x, got {mask.device} and {x.device}")


def _check_range(name: str, image: Tensor) -> None:
    """Refuse finite values outside [0, 1] by more than rounding; what is not finite gives NaN."""
    if not image.numel():
        return
    least, greatest = (bound.item() for bound in image.aminmax())
    slack = 4 * torch.finfo(image.dtype).eps
    if -math.inf < least < -slack or 1 + slack < greatest < math.inf:
        hint = "divide 8-bit levels by 255" if greatest > 2 else "clip them first"
        raise InputError(
            f"{name}: expected values in [0, 1], got {least:g} to {greatest:g}; {hint}"
        )
