"""The metrics as subjects of their common laws, and the networks that some of them need."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import pytest
import torch
from torch import Tensor

from gpu_metrics.metrics import Network, delta_e, lpips, mse, psnr, ssim
from gpu_metrics.precision import repeatable
from gpu_metrics.weights import Weights


@dataclass(frozen=True)
class Subject:
    """A metric with its options, and what laws must know of it.

    `trunk` says whether float32 convolutions have a part in its scores.
    """

    function: Callable[..., Tensor]
    best: float = 0.0
    higher_is_better: bool = False
    min_side: int = 1
    trunk: bool = False


METRICS = {
    "mse": Subject(mse),
    "mse-luma": Subject(partial(mse, color="luma")),
    "mse-y": Subject(partial(mse, color="y")),
    "psnr": Subject(psnr, best=math.inf, higher_is_better=True),
    "ciede2000": Subject(delta_e),
    "cie76": Subject(partial(delta_e, formula="cie76")),
    "opencv-8bit": Subject(partial(delta_e, formula="opencv-8bit")),
    "ssim": Subject(ssim, 1, True, min_side=11),
    "ssim-y": Subject(partial(ssim, color="y"), 1, True, min_side=11),
    "ssim-binomial": Subject(partial(ssim, window="binomial", color="luma"), 1, True),
    "lpips-box": Subject(partial(lpips, mode="box"), min_side=31, trunk=True),
    "lpips-map": Subject(partial(lpips, mode="map"), min_side=31, trunk=True),
}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.weights if subject.trunk else ())
        for name, subject in METRICS.items()
    ],
)
def subject(request: pytest.FixtureRequest) -> Subject:
    return METRICS[request.param]


@pytest.fixture(scope="module")
def score(subject: Subject, network: Callable[..., Network]) -> Callable[..., Tensor]:
    """The subject's function of `x`, `y` and `mask`, on their device."""

    def score(x: Tensor, y: Tensor, mask: Tensor | None = None) -> Tensor:
        options = {"network": network("alex", x.device)} if subject.trunk else {}
        return subject.function(x, y, mask, **options)

    return score


@pytest.fixture(scope="session")
def network(trunk_weights: Callable[[str], Weights]) -> Callable[..., Network]:
    """Networks by name, device and precision, each built once."""

    @cache
    def build(
        net: str = "alex",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> Network:
        return Network.build(trunk_weights(net), device=device, dtype=dtype)

    return build


@pytest.fixture(autouse=True)
def full_float32() -> Iterator[None]:
    """No TF32, which convolutions on a GPU take unless told otherwise."""
    with repeatable():
        yield
