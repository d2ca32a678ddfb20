"""Distance between the features of one LPIPS layer, pooled over the positions of each region."""

from typing import Any

import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor
from torch.nn.functional import conv2d, pad

from gpu_metrics.errors import InputError
from gpu_metrics.kernels.cpu import compiled, in_parts
from gpu_metrics.kernels.launch import launch, server

GROUPS = 8
POSITIONS = 32

# outside the root, as in LPIPS v0.1
EPSILON = 1e-10
STEPS = 2.0**48
LARGEST = 2.0**14


def lpips_pool(
    x: Float[Tensor, "B C H W"],
    y: Float[Tensor, "B C H W"],
    heads: Float[Tensor, " C"],
    weights: Float64[Tensor, "B R H W"],
) -> Float64[Tensor, "B R"]:
    """Weighted mean over positions of the distance between unit features, for each region.

    At each position the features of both images are divided by their length, their squared
    differences are weighted by `heads` and summed; equal features are exactly 0 apart. Terms are
    summed in steps of 2^-48, so the same float32 features give the same bits on every device, in
    any batch. NaN where a feature or a weight is not finite.

    Args:
        x, y: Features as the trunk leaves them, not normalised. Those of a reference may be
            cached and, for a batch of candidates, broadcast with `expand`. A GPU reads planar
            features in place, a CPU those in channels last; others are copied.
        heads: Linear weights of the layer.
        weights: How much each position counts in each region; sums to one. `1 / (H * W)` is the
            plain mean.
    """
    _check(x, y, heads, weights)
    refusal = None if x.dtype == torch.float32 else f"features are {x.dtype}"
    served_by = server("lpips_pool", x, y, heads, weights, refusal=refusal)
    if served_by == "twin":
        return lpips_pool_eager(x, y, heads, weights)
    if served_by == "compiled":
        return _pool_compiled(x, y, heads, weights)

    batch, channels, height, width = x.shape
    regions, positions = weights.shape[1], height * width
    x, y, weights = (t if t[0].is_contiguous() else t.contiguous() for t in (x, y, weights))
    sums = torch.zeros(batch, regions, 2, dtype=torch.int64, device=x.device)
    launch(
        "lpips_pool",
        (-(-positions // POSITIONS), batch),
        (GROUPS * POSITIONS,),
        x,
        y,
        heads.contiguous(),
        weights,
        sums,
        *(positions, channels, regions),
        *(x.stride(0), y.stride(0), weights.stride(0)),
    )
    return _from_steps(sums[..., 0], sums[..., 1])


def _pool_compiled(x: Tensor, y: Tensor, heads: Tensor, weights: Tensor) -> Tensor:
    """With the channels of a position side by side; planar features are copied."""
    x, y, weights = x.detach(), y.detach(), weights.detach()
    images = [
        (_by_position(u), _by_position(v), regions.flatten(1).numpy())
        for u, v, regions in zip(x, y, weights, strict=True)
    ]
    linear = heads.detach().double().numpy()
    kernel = compiled("lpips_pool")

    def work(image: int, first: int, last: int, sums: Any) -> None:
        kernel(*images[image], first, last, sums, linear, EPSILON, STEPS, LARGEST)

    batch, regions, height, width = weights.shape
    sums = in_parts(work, batch, height * width, (regions, 2))
    return _from_steps(sums[..., 0], sums[..., 1])


def _by_position(features: Tensor) -> Any:
    return features.movedim(0, -1).flatten(0, 1).contiguous().numpy()


def lpips_pool_reference(
    x: Float32[Tensor, "B C H W"],
    y: Float32[Tensor, "B C H W"],
    heads: Float32[Tensor, " C"],
    weights: Float64[Tensor, "B R H W"],
) -> Float64[Tensor, "B R"]:
    """Twin of `lpips_pool` in torch operations: any device, the same bits."""
    xx, yy, sxx, syy, sxy = _channel_sums(x, y, heads.double())
    nx = xx.sqrt() + EPSILON
    ny = yy.sqrt() + EPSILON
    distance = (sxx / (nx * nx) + syy / (ny * ny)) - (2 * sxy) / (nx * ny)

    terms = distance[:, None] * weights
    fits = terms.abs() < LARGEST
    steps = (terms.where(fits, 0) * STEPS).round().long()
    return _from_steps(steps.sum(dim=(-2, -1)), (~fits).sum(dim=(-2, -1)))


def lpips_pool_eager(
    x: Float[Tensor, "B C H W"],
    y: Float[Tensor, "B C H W"],
    heads: Float[Tensor, " C"],
    weights: Float64[Tensor, "B R H W"],
) -> Float64[Tensor, "B R"]:
    """`lpips_pool` in the precision of the features, differentiable.

    Float32 is within 2e-7 relative of the twin. Convolutions over several images add up in another
    order, so each image goes alone and no batch moves a bit.
    """
    images = zip(x.split(1), y.split(1), weights.split(1), strict=True)
    return torch.cat([_pool_one(*image[:2], heads, image[2]) for image in images])


def _pool_one(x: Tensor, y: Tensor, heads: Tensor, weights: Tensor) -> Tensor:
    apart = (_unit(x) - _unit(y)).square()
    distance = conv2d(apart, heads[None, :, None, None]).double()
    return (distance * weights).sum(dim=(-2, -1))


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(dim=1, keepdim=True).sqrt() + EPSILON)


def _channel_sums(x: Tensor, y: Tensor, heads: Tensor) -> list[Tensor]:
    """Five sums over channels: every eighth channel first, then the eight in order."""
    missing = -x.shape[1] % GROUPS
    x, y = (pad(features, (0, 0, 0, 0, 0, missing)) for features in (x, y))
    heads = pad(heads, (0, missing))[:, None, None]
    sums = [torch.zeros((), dtype=torch.float64, device=x.device)] * 5
    for first in range(0, x.shape[1], GROUPS):
        here = slice(first, first + GROUPS)
        u, v, head = x[:, here].double(), y[:, here].double(), heads[here]
        uu, vv, uv = u * u, v * v, u * v
        addends = (uu, vv, head * uu, head * vv, head * uv)
        sums = [a + b for a, b in zip(sums, addends, strict=True)]
    return [sum(others, start=first) for first, *others in (s.unbind(dim=1) for s in sums)]


def _from_steps(steps: Tensor, beyond: Tensor) -> Float64[Tensor, "B R"]:
    return (steps.double() / STEPS).where(beyond == 0, torch.nan)


def _check(x: Tensor, y: Tensor, heads: Tensor, weights: Tensor) -> None:
    if x.dim() != 4 or x.shape != y.shape:
        raise InputError(
            f"x and y: expected features of one shape (B, C, H, W), "
            f"got {tuple(x.shape)} and {tuple(y.shape)}"
        )
    if heads.shape != x.shape[1:2]:
        raise InputError(f"heads: expected {x.shape[1]} weights, got shape {tuple(heads.shape)}")
    batch, _, height, width = x.shape
    if weights.dim() != 4 or (len(weights), *weights.shape[2:]) != (batch, height, width):
        raise InputError(
            f"weights: expected shape ({batch}, R, {height}, {width}), got {tuple(weights.shape)}"
        )
