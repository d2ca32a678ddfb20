"""One small call per kernel, for tests that treat all kernels alike."""

from collections.abc import Callable

import torch
from pictures import all_regions, interleaved, noise, pair, region
from torch import Tensor

from gpu_metrics.kernels.delta_e import delta_e
from gpu_metrics.kernels.lpips_pool import lpips_pool
from gpu_metrics.kernels.region_errors import region_errors
from gpu_metrics.kernels.ssim_binomial import ssim_binomial
from gpu_metrics.kernels.ssim_gaussian import ssim_gaussian

Case = Callable[[], tuple[Tensor, ...]]


def _region_errors() -> tuple[Tensor, ...]:
    # odd rows for the slow loads, several blocks, more regions than one block serves
    x, y = noise(2, 37, 53, seed=1), interleaved(noise(2, 37, 53, seed=2))
    small = region_errors(x, y, all_regions(2, 37, 53))
    x, y = noise(1, 72, 64, seed=3), interleaved(noise(1, 72, 64, seed=4))
    return *small, *region_errors(x, y, region("random", 1, 72, 64))


def _ssim_binomial() -> tuple[Tensor, ...]:
    # more than one tile each way, and a crop of one
    x, y = pair(1, 67, 70)
    small, other = pair(2, 9, 13)
    return (
        *ssim_binomial(x, interleaved(y), all_regions(1, 67, 70)),
        *ssim_binomial(small, other, region("random", 2, 9, 13)),
    )


def _ssim_gaussian() -> tuple[Tensor, ...]:
    x, y = pair(1, 37, 53)
    small, other = pair(2, 12, 13)
    return (
        *ssim_gaussian(x, interleaved(y), all_regions(1, 37, 53)),
        *ssim_gaussian(small, other, region("random", 2, 12, 13), color="luma"),
    )


def _lpips_pool() -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 2, 19, 9, 7, generator=generator).relu()
    heads, weights = (
        torch.rand(19, generator=generator),
        torch.rand(2, 3, 9, 7, generator=generator).double() / 63,
    )
    return (lpips_pool(x, y, heads, weights),)


def _delta_e() -> tuple[Tensor, ...]:
    x, y, mask = (
        noise(1, 37, 61, seed=1),
        interleaved(noise(1, 37, 61, seed=2)),
        all_regions(1, 37, 61),
    )
    return (
        *delta_e(x, y, mask),
        *delta_e(x, y, mask, formula="cie76"),
    )


CASES: dict[str, Case] = {
    "delta_e": _delta_e,
    "lpips_pool": _lpips_pool,
    "region_errors": _region_errors,
    "ssim_binomial": _ssim_binomial,
    "ssim_gaussian": _ssim_gaussian,
}
