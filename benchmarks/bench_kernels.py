"""Each kernel against its twin, its peers, and a copy of the bytes it reads.

On a CUDA device a round is twenty calls, so that launches overlap as they do in the engine, and
every result carries the bandwidth it reached; "copy" reads the same bytes and is the ceiling. On
a CPU kernels are those compiled for it, and images are small.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import kornia
import lpips
import piq
import pytest
import torch
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from gpu_metrics.kernels import launch
from gpu_metrics.kernels.delta_e import delta_e, delta_e_reference
from gpu_metrics.kernels.lpips_pool import lpips_pool, lpips_pool_reference
from gpu_metrics.kernels.region_errors import region_errors, region_errors_reference
from gpu_metrics.kernels.ssim_binomial import ssim_binomial, ssim_binomial_reference
from gpu_metrics.kernels.ssim_gaussian import ssim_gaussian, ssim_gaussian_reference
from gpu_metrics.metrics import delta_e as metric_delta_e
from gpu_metrics.metrics import mse, ssim

Function = Callable[..., Any]


class Peer(NamedTuple):
    """What others would use, what the kernel's answer says in its terms, and how near it is."""

    function: Function
    same_of: Function
    tolerance: float


class Contest(NamedTuple):
    """A kernel, its twin, and its peers."""

    kernel: Function
    twin: Function
    peers: dict[str, Peer]


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    weights = mask.float()
    return (values[:, None] * weights).sum(dim=(-2, -1)) / weights.sum(dim=(-2, -1))


def eager_errors(x, y, mask):
    """Float32 squared errors and CIE76 by kornia, masked."""
    x, y = x.float() / 255, y.float() / 255
    lab = kornia.color.rgb_to_lab
    squared = masked_mean((x - y).square().mean(dim=1), mask)
    masked_mean((lab(x) - lab(y)).norm(dim=1), mask)
    return squared


def eager_delta_e(x, y, mask):
    """Float32 CIE76 by kornia, masked: cheaper than CIEDE2000, which kornia lacks."""
    lab = kornia.color.rgb_to_lab
    return masked_mean((lab(x.float() / 255) - lab(y.float() / 255)).norm(dim=1), mask)


def kornia_ssim(x, y, mask):
    """Float32 map over the 11x11 Gaussian, border reflected, masked."""
    values = kornia.metrics.ssim(x.float() / 255, y.float() / 255, 11).mean(dim=1)
    return masked_mean(values, mask)


def torchmetrics_ssim(x, y, mask):
    """Float32 over the 11x11 Gaussian, border reflected; no mask."""
    x, y = x.float() / 255, y.float() / 255
    return structural_similarity_index_measure(x, y, data_range=1.0, reduction="none")


def piq_ssim(x, y, mask):
    """Float32 over the 11x11 Gaussian, valid support; no mask."""
    return piq.ssim(x.float() / 255, y.float() / 255, downsample=False, reduction="none")


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
    return lpips.spatial_average(linear(difference))[..., 0, 0]


def mean_cie76(x, y, mask):
    return metric_delta_e(x, y, mask, formula="cie76")


def whole_ssim(x, y, mask):
    return ssim(x, y)


# float32 sums of many terms; a reflected border moves SSIM by 6e-3 on the small images of a CPU
CONTESTS = {
    "region_errors": Contest(
        region_errors, region_errors_reference, {"eager": Peer(eager_errors, mse, 1e-6)}
    ),
    "delta_e": Contest(
        delta_e, delta_e_reference, {"eager cie76": Peer(eager_delta_e, mean_cie76, 1e-3)}
    ),
    "ssim_binomial": Contest(ssim_binomial, ssim_binomial_reference, {}),
    "ssim_gaussian": Contest(
        ssim_gaussian,
        ssim_gaussian_reference,
        {
            "kornia": Peer(kornia_ssim, ssim, 1e-2),
            "torchmetrics": Peer(torchmetrics_ssim, whole_ssim, 1e-2),
            "piq": Peer(piq_ssim, whole_ssim, 1e-4),
            "fused-ssim": Peer(fused_ssim, lambda *a: whole_ssim(*a).mean(), 1e-4),
        },
    ),
    "lpips_pool": Contest(
        lpips_pool, lpips_pool_reference, {"lpips tail": Peer(lpips_tail, lpips_pool, 1e-5)}
    ),
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
    peers = {peer: entry.function for peer, entry in contest.peers.items()}
    functions = {"kernel": contest.kernel, "twin": contest.twin, **peers, "copy": copy}

    # compiles or skips outside the clock
    result = functions[implementation](*arguments)
    if peer := contest.peers.get(implementation):
        expected = peer.same_of(*arguments)
        torch.testing.assert_close(result.double(), expected.double(), rtol=0, atol=peer.tolerance)

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
    if (path := launch.path(device)).startswith("twin"):
        pytest.skip(f"no kernel runs here: {path}")


def check_bits(contest: Contest, arguments: tuple[Tensor, ...]) -> None:
    """A fast wrong answer is not a result."""
    actual, expected = contest.kernel(*arguments), contest.twin(*arguments)
    if isinstance(actual, Tensor):
        actual, expected = [actual], [expected]
    assert all(torch.equal(a, e) for a, e in zip(actual, expected, strict=True))
