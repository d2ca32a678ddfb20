"""LPIPS networks, and the settings under which their scores repeat."""

from collections.abc import Callable, Iterator
from functools import cache

import pytest
import torch

from gpu_metrics.metrics import Network
from gpu_metrics.precision import repeatable
from gpu_metrics.weights import Weights


@pytest.fixture(scope="session")
def network(trunk_weights: Callable[[str], Weights]) -> Callable[..., Network]:
    """Networks by name, device and precision, each built once."""

    @cache
    def build(
        net: str = "alex", device: str = "cpu", dtype: torch.dtype = torch.float32
    ) -> Network:
        return Network.build(trunk_weights(net), device=device, dtype=dtype)

    return build


@pytest.fixture
def full_float32() -> Iterator[None]:
    """No TF32, which convolutions on a GPU take unless told otherwise."""
    with repeatable():
        yield
