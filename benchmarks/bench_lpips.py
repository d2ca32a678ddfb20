"""LPIPS on AlexNet: both images, with the reference's features kept, and the lpips package."""

import warnings

import pytest
import torch

from gpu_metrics.metrics import Network, features, lpips
from gpu_metrics.metrics.lpips import distance
from gpu_metrics.official import lpips_package
from gpu_metrics.weights import find_weights


def contestants(y, device):
    """Functions of `x` and `y`; one keeps the features of this `y`."""
    network = Network.build(find_weights("alex"), device=device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        package = lpips_package("alex").to(device)
    with torch.no_grad():
        kept = features(y, network)
    return {
        "ours": lambda x, y: lpips(x, y, network=network),
        "ours, reference kept": lambda x, y: distance(features(x, network), kept, network),
        "lpips package": lambda x, y: package(x / 127.5 - 1, y / 127.5 - 1).flatten(),
    }


@pytest.fixture(scope="module")
def implementations(device, pair):
    return contestants(pair(1, 512)[1], device)


@pytest.mark.parametrize("name", ["ours", "ours, reference kept", "lpips package"])
def bench_lpips(measure, benchmark, pair, implementations, name):
    benchmark.group = "lpips alex 1x3x512x512"
    x, y = pair(1, 512)

    result = measure(implementations[name], x, y)

    with torch.no_grad():
        expected = implementations["lpips package"](x, y)
    assert torch.allclose(result.float(), expected, rtol=0, atol=1e-6)
