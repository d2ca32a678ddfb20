"""What every benchmark shares: the device, a pair of images, and a clock that waits for the GPU."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from gpu_metrics.devices import device_facts
from gpu_metrics.provenance import installed_version

PACKAGES = ("torch", "kornia", "lpips", "torchmetrics", "scikit-image", "opencv-python-headless")


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """Record the device and library versions with every saved result."""
    machine_info |= {package: installed_version(package) for package in PACKAGES}
    machine_info |= device_facts(_device())


@pytest.fixture(scope="session")
def device() -> torch.device:
    return _device()


@pytest.fixture(scope="session")
def pair(device: torch.device) -> Callable[[int, int], tuple[torch.Tensor, torch.Tensor]]:
    """A batch of 8-bit images, smooth with noise as photographs are, and noisier copies."""

    def make(batch: int, side: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        coarse = torch.rand(batch, 3, side // 16, side // 16, generator=generator)
        smooth = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic")
        y = smooth + 0.02 * torch.randn(smooth.shape, generator=generator)
        x = y + 0.05 * torch.randn(smooth.shape, generator=generator)
        return tuple((255 * t.clamp(0, 1)).round().to(torch.uint8).to(device) for t in (x, y))

    return make


@pytest.fixture
def measure(benchmark: Any, device: torch.device) -> Callable[..., Any]:
    """Time `function(*args)` to completion on the device and return its result."""

    def to_completion(function: Callable[..., Any], *args: Any) -> Any:
        with torch.no_grad():
            result = function(*args)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return result

    def timed(function: Callable[..., Any], *args: Any) -> Any:
        benchmark.extra_info["megapixels"] = args[0][:, 0].numel() / 1e6
        return benchmark.pedantic(to_completion, (function, *args), warmup_rounds=1, rounds=5)

    return timed


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
