"""Each kernel against its twin, its peers, and a copy of the bytes it reads.

On a CUDA device a round is twenty calls, so that launches overlap as they do in the engine, and
every result carries the bandwidth it reached; "copy" reads the same bytes and is the ceiling. On
a CPU only twins and peers run, on small images.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import kornia
import lpips
import pytest
import torch
from torch import Tensor, nn

from gpu_metrics.kernels import launch
from gpu_metrics.kernels.delta_e import delta_e, delta_e_reference
from gpu_metrics.kernels.lpips_pool import lpips_pool, lpips_pool_reference
from gpu_metrics.kernels.region_errors import region_errors, region_errors_reference
from gpu_metrics.kernels.ssim_binomial import ssim_binomial, ssim_binomial_reference
from gpu_metrics.kernels.ssim_gaussian import ssim_gaussian, ssim_gaussian_reference

Function = Callable[..., Any]


class Contest(NamedTuple):
    """A kernel, its twin, and what others would use."""

    kernel: Function
    twin: Function
    peers: dict[str, Function]


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    weights = mask.float()
    return (values[:, None] * weights).sum(dim=(-2, -1)) / weights.sum(dim=(-2, -1))


def eager_errors(x, y, mask):
    """Float32 squared errors and CIE76 by kornia, masked."""
    x, y = x.float() / 255, y.float() / 255
    lab = kornia.color.rgb_to_lab
    squared = (x - y).square().mean(dim=1)
    return masked_mean(squared, mask), masked_mean((lab(x) - lab(y)).norm(dim=1), mask)


def eager_delta_e(x, y, mask):
    """Float32 CIE76 by kornia, masked: cheaper than CIEDE2000, which kornia lacks."""
    lab = kornia.color.rgb_to_lab
    return masked_mean((lab(x.float() / 255) - lab(y.float() / 255)).norm(dim=1), mask)


def kornia_ssim(x, y, mask):
    """Float32 map over the 11x11 Gaussian, masked."""
    values = kornia.metrics.ssim(x.float() / 255, y.float() / 255, 11).mean(dim=1)
    return masked_mean(values, mask)


def fused_ssim(x, y, mask):
    """The fused-ssim package: one number for the whole batch, no mask."""
    package = pytest.importorskip("fused_ssim", reason="fused-ssim is not installed")
    if not x.is_cuda:
        pytest.skip("fused-ssim needs a CUDA device")
    return package.fused_ssim(x.float() / 255, y.float() / 255, padding="valid", train=False)


def lpips_tail(x, y, heads, weights):
    """What the lpips package does after the trunk, without region weights."""
    linear = lpips.NetLinLayer(len(heads)).to(x.device).eval()
    linear.model[-1].weight = nn.Parameter(heads[None, :, None, None])
    difference = (lpips.normalize_tensor(x) - lpips.normalize_tensor(y)) ** 2
    return lpips.spatial_average(linear(difference))


CONTESTS = {
    "region_errors": Contest(region_errors, region_errors_reference, {"eager": eager_errors}),
    "delta_e": Contest(delta_e, delta_e_reference, {"eager cie76": eager_delta_e}),
    "ssim_binomial": Contest(ssim_binomial, ssim_binomial_reference, {}),
    "ssim_gaussian": Contest(
        ssim_gaussian, ssim_gaussian_reference, {"kornia": kornia_ssim, "fused-ssim": fused_ssim}
    ),
    "lpips_pool": Contest(lpips_pool, lpips_pool_reference, {"lpips tail": lpips_tail}),
}
ROWS = [
    (name, implementation)
    for name, contest in CONTESTS.items()
    for implementation in ("kernel", "twin", *contest.peers, "copy")
]


@pytest.fixture(scope="module")
def inputs(device, pair) -> Callable[[str], tuple[Tensor, ...]]:
    """A background and a person as regions; for LPIPS, AlexNet's second layer at this size."""
    batch, side = (16, 1024) if device.type == "cuda" else (1, 256)

    def make(name: str) -> tuple[Tensor, ...]:
        if name != "lpips_pool":
            person = torch.zeros(batch, 1, side, side, dtype=torch.bool, device=device)
            person[..., side // 4 :, side // 4 : 3 * side // 4] = True
            return *pair(batch, side), torch.cat([person, ~person], dim=1)
        generator = torch.Generator().manual_seed(0)
        shape = (batch, 192, side // 8, side // 8)
        x, y = (torch.rand(shape, generator=generator).to(device) for _ in range(2))
        weights = torch.full((batch, 1, *shape[2:]), 64 / side**2, dtype=torch.float64)
        return x, y, torch.rand(192, generator=generator).to(device), weights.to(device)

    return make


@pytest.mark.parametrize(("name", "implementation"), ROWS)
def bench_kernel(measure, benchmark, device, inputs, name, implementation):
    arguments = inputs(name)
    contest = CONTESTS[name]
    calls = 20 if device.type == "cuda" else 1
    benchmark.group = f"{name} {'x'.join(map(str, arguments[0].shape))}"
    moved = sum(t.numel() * t.element_size() for t in arguments)
    if implementation == "kernel":
        require_kernel(device)
        with launch.recorded() as paths:
            check_bits(contest, arguments)
        benchmark.extra_info["path"] = sorted(paths[name])
    functions = {"kernel": contest.kernel, "twin": contest.twin, **contest.peers, "copy": copy}

    # compiles or skips outside the clock
    functions[implementation](*arguments)

    def repeated(*inputs: Tensor) -> Any:
        for _ in range(calls - 1):
            functions[implementation](*inputs)
        return functions[implementation](*inputs)

    measure(repeated, *arguments)

    if benchmark.stats is not None:
        # a copy writes what it reads
        traffic = calls * moved * (2 if implementation == "copy" else 1)
        median = benchmark.stats.stats.median
        benchmark.extra_info |= {
            "calls": calls,
            "milliseconds_per_call": 1e3 * median / calls,
            "gigabytes_per_second": traffic / median / 1e9,
        }


def copy(*inputs: Tensor) -> list[Tensor]:
    return [t.clone() for t in inputs]


def require_kernel(device: torch.device) -> None:
    if refusal := launch.Cuda().refusal(device):
        pytest.skip(f"no kernel runs here: {refusal}")


def check_bits(contest: Contest, arguments: tuple[Tensor, ...]) -> None:
    """A fast wrong answer is not a result."""
    actual, expected = contest.kernel(*arguments), contest.twin(*arguments)
    if isinstance(actual, Tensor):
        actual, expected = [actual], [expected]
    assert all(torch.equal(a, e) for a, e in zip(actual, expected, strict=True))
