"""SSIM of 8-bit images, 11x11 Gaussian on RGB: the engine's against its peers'."""

import kornia.metrics
import piq
import pytest
import torch
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import structural_similarity_index_measure

from gpu_metrics.metrics import ssim

GAUSSIAN = {"gaussian_weights": True, "use_sample_covariance": False, "data_range": 255}


def kornia_ssim(x, y):
    """Float32 map with the same window and valid support."""
    maps = kornia.metrics.ssim(x.float() / 255, y.float() / 255, 11, padding="valid")
    return maps.mean(dim=(1, 2, 3))


def torchmetrics_ssim(x, y):
    """Float32, borders by reflection, so values differ slightly."""
    x, y = x.float() / 255, y.float() / 255
    return structural_similarity_index_measure(x, y, data_range=1.0, reduction="none")


def piq_ssim(x, y):
    """Float32 with the same window and valid support; by default it would shrink the images."""
    return piq.ssim(x.float() / 255, y.float() / 255, downsample=False, reduction="none")


def scikit_image_ssim(x, y):
    """Float64, one image at a time on the CPU, the only way it runs."""
    pairs = zip(x.cpu().numpy(), y.cpu().numpy(), strict=True)
    scores = [structural_similarity(*pair, channel_axis=0, **GAUSSIAN) for pair in pairs]
    return torch.tensor(scores, dtype=torch.float64)


# how far a peer's value may be off: float32 moments, or another border
PEERS = {
    "ours": (ssim, 1e-12),
    "kornia": (kornia_ssim, 1e-4),
    "torchmetrics": (torchmetrics_ssim, 5e-3),
    "piq": (piq_ssim, 1e-4),
    "scikit-image": (scikit_image_ssim, 1e-6),
}


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize(("batch", "side"), [(1, 1024), (4, 512)], ids=["1x1024", "4x512"])
def bench_ssim(measure, benchmark, pair, name, batch, side):
    benchmark.group = f"ssim {batch}x3x{side}x{side}"
    x, y = pair(batch, side)
    function, tolerance = PEERS[name]

    result = measure(function, x, y)

    assert torch.allclose(result.double().cpu(), ssim(x, y).cpu(), rtol=0, atol=tolerance)
