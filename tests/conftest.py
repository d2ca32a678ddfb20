"""What all tests share: devices, image pairs, weights, portraits, poisoned memory."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import hypothesis
import jaxtyping
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from gpu_metrics.weights import Weights, find_weights

PORTRAITS = Path(__file__).parents[2] / "shared" / "data" / "portraits"

# read when CUDA starts; without it, deterministic algorithms warn at every matrix product
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

# a first call compiles type checks and fills tables, which no deadline of an example foresees
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs CUDA where there is none, or fail it where a GPU is required."""
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        if os.environ.get("GPU_METRICS_REQUIRE_GPU") == "1":
            pytest.fail("GPU_METRICS_REQUIRE_GPU=1, but torch sees no CUDA device")
        pytest.skip("needs a CUDA device")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> torch.device:
    return torch.device(request.param)


@pytest.fixture(scope="session")
def image_pair() -> Callable[..., tuple[Tensor, Tensor]]:
    """A smooth image and a noisy copy, float64 in [0, 1] or uint8; the same on every device."""

    def make(
        shape: tuple[int, int, int, int],
        *,
        noise: float = 0.05,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
    ) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        coarse = torch.rand(*shape[:2], 5, 5, generator=generator, dtype=torch.float64)
        y = interpolate(coarse, size=shape[2:], mode="bicubic").clamp(0, 1)
        x = (y + noise * torch.randn(shape, generator=generator, dtype=torch.float64)).clamp(0, 1)
        if dtype == torch.uint8:
            x, y = (255 * x).round(), (255 * y).round()
        return x.to(dtype), y.to(dtype)

    return make


@pytest.fixture(autouse=True)
def poisoned_memory() -> Iterator[None]:
    """Fill fresh allocations with NaN, so that whoever misses a pixel fails loudly."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(before)


@pytest.fixture
def as_called() -> Iterator[None]:
    """Functions as users call them: without the type checks that the tests put before them."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def trunk_weights() -> Callable[[str], Weights]:
    """Published weights of "alex" or "vgg", fetched on first use and kept in the user's cache."""
    return cache(find_weights)


@pytest.fixture(scope="session")
def portraits() -> Path:
    """Real portraits with person masks, where they are there."""
    if not PORTRAITS.is_dir():
        pytest.skip(f"{PORTRAITS} is not there")
    return PORTRAITS
