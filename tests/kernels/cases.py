"""A few small calls per kernel, for tests that treat all kernels alike."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from pictures import all_regions, interleaved, noise, pair, region
from torch import Tensor

from gpu_metrics.kernels.delta_e import delta_e
from gpu_metrics.kernels.lpips_pool import lpips_pool
from gpu_metrics.kernels.region_errors import region_errors
from gpu_metrics.kernels.ssim_binomial import ssim_binomial
from gpu_metrics.kernels.ssim_gaussian import ssim_gaussian


class Call(NamedTuple):
    """A wrapper and what it is called with."""

    function: Callable[..., Any]
    arguments: tuple[Tensor, ...]
    options: dict[str, str] = {}


def _region_errors() -> list[Call]:
    # odd rows for the slow loads, several blocks, more regions than one block serves
    odd = noise(2, 37, 53, seed=1), interleaved(noise(2, 37, 53, seed=2))
    even = noise(1, 72, 64, seed=3), interleaved(noise(1, 72, 64, seed=4))
    return [
        Call(region_errors, (*odd, all_regions(2, 37, 53))),
        Call(region_errors, (*even, region("random", 1, 72, 64))),
    ]


def _ssim_binomial() -> list[Call]:
    # more than one tile each way, and an image smaller than a tile
    x, y = pair(1, 67, 70)
    return [
        Call(ssim_binomial, (x, interleaved(y), all_regions(1, 67, 70))),
        Call(ssim_binomial, (*pair(2, 9, 13), region("random", 2, 9, 13))),
    ]


def _ssim_gaussian() -> list[Call]:
    x, y = pair(1, 37, 53)
    return [
        Call(ssim_gaussian, (x, interleaved(y), all_regions(1, 37, 53))),
        Call(ssim_gaussian, (*pair(2, 12, 13), region("random", 2, 12, 13)), {"color": "luma"}),
    ]


def _delta_e() -> list[Call]:
    x, y = noise(1, 37, 61, seed=1), interleaved(noise(1, 37, 61, seed=2))
    arguments = x, y, all_regions(1, 37, 61)
    return [Call(delta_e, arguments, {"formula": name}) for name in ("ciede2000", "cie76")]


def _lpips_pool() -> list[Call]:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 2, 19, 9, 7, generator=generator).relu()
    heads = torch.rand(19, generator=generator)
    weights = torch.rand(2, 3, 9, 7, generator=generator).double() / 63
    return [Call(lpips_pool, (x, y, heads, weights))]


CASES: dict[str, Callable[[], list[Call]]] = {
    "delta_e": cache(_delta_e),
    "lpips_pool": cache(_lpips_pool),
    "region_errors": cache(_region_errors),
    "ssim_binomial": cache(_ssim_binomial),
    "ssim_gaussian": cache(_ssim_gaussian),
}


def run_case(name: str, device: str = "cpu") -> list[Tensor]:
    """All results of a kernel's calls, computed on `device`."""
    results: list[Tensor] = []
    for call in CASES[name]():
        result = call.function(*(a.to(device) for a in call.arguments), **call.options)
        results += [result] if isinstance(result, Tensor) else result
    return [result.cpu() for result in results]


def equal(left: list[Tensor], right: list[Tensor]) -> bool:
    """Whether two sets of results have the same bits."""
    return all(torch.equal(a, b) for a, b in zip(left, right, strict=True))
