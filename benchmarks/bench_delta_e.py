"""Color differences of 8-bit images: the engine's against its peers'."""

import cv2
import kornia.color
import numpy as np
import pytest
import torch
from skimage.color import deltaE_cie76, deltaE_ciede2000, rgb2lab

from gpu_metrics.metrics import delta_e


def scikit_image(formula):
    """Float64, one image at a time on the CPU."""
    difference = {"cie76": deltaE_cie76, "ciede2000": deltaE_ciede2000}[formula]

    def mean(x, y):
        images = zip(x.cpu(), y.cpu(), strict=True)
        labs = [[rgb2lab(i.permute(1, 2, 0).numpy() / 255) for i in pair] for pair in images]
        return torch.tensor([difference(*pair).mean() for pair in labs])

    return mean


def kornia_cie76(x, y):
    """Float32 Lab and its Euclidean distance."""
    lab = [kornia.color.rgb_to_lab(image.float() / 255) for image in (x, y)]
    return (lab[0] - lab[1]).square().sum(dim=1).sqrt().mean(dim=(-2, -1))


def opencv_8bit(x, y):
    """8-bit Lab by OpenCV, distances by NumPy."""
    means = []
    for pair in zip(x.cpu(), y.cpu(), strict=True):
        labs = [
            cv2.cvtColor(i.permute(1, 2, 0).contiguous().numpy(), cv2.COLOR_RGB2LAB) for i in pair
        ]
        means.append(np.linalg.norm(labs[0].astype(float) - labs[1], axis=-1).mean())
    return torch.tensor(means)


# kornia computes in float32; its white point has fewer digits than scikit-image's
PEERS = {
    ("opencv-8bit", "opencv"): (opencv_8bit, 1e-7),
    ("cie76", "kornia"): (kornia_cie76, 1e-4),
    ("cie76", "scikit-image"): (scikit_image("cie76"), 1e-3),
    ("ciede2000", "scikit-image"): (scikit_image("ciede2000"), 1e-3),
}
CASES = [*PEERS, *((formula, "ours") for formula in ("opencv-8bit", "cie76", "ciede2000"))]


@pytest.mark.parametrize(("formula", "name"), sorted(CASES))
def bench_delta_e(measure, benchmark, pair, formula, name):
    benchmark.group = f"delta_e {formula} 1x3x1024x1024"
    x, y = pair(1, 1024)

    def ours(x, y):
        return delta_e(x, y, formula=formula)

    function, tolerance = PEERS.get((formula, name), (ours, 1e-12))

    result = measure(function, x, y)

    assert torch.allclose(result.double().cpu(), ours(x, y).cpu(), rtol=0, atol=tolerance)
