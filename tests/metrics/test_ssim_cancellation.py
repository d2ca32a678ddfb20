import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch.nn.functional import conv2d
from torchmetrics.functional.image import structural_similarity_index_measure

from gpu_metrics import tensors
from gpu_metrics.metrics import ssim


@pytest.fixture(autouse=True)
def any_range(monkeypatch):
    """Levels far from [0, 1] show best what cancels."""
    monkeypatch.setattr(tensors, "_check_range", lambda name, image: None)


def scikit_image(x, y):
    options = dict(data_range=1.0, gaussian_weights=True, use_sample_covariance=False)
    return structural_similarity(x.numpy(), y.numpy(), channel_axis=0, **options)


def naive_float32(x, y):
    """The paper's score with moments as they are mostly written, E[x^2] - E[x]^2 in float32."""
    taps = torch.exp(-0.5 * (torch.arange(-5.0, 6.0) / 1.5) ** 2)
    window = (torch.outer(taps, taps) / taps.sum() ** 2)[None, None]

    def blur(image):
        return conv2d(image.flatten(0, 1)[:, None], window)

    mx, my = blur(x), blur(y)
    sxx, syy, sxy = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    luminance = (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4)
    return (luminance * (2 * sxy + 9e-4) / (sxx + syy + 9e-4)).mean()


def single_window(x, y):
    """The paper's formula at the one pixel of 11 x 11 planes, with moments about the means."""
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(taps, taps) / taps.sum() ** 2
    mx, my = (window * x).sum(), (window * y).sum()
    sxx, syy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
    sxy = (window * (x - mx) * (y - my)).sum()
    luminance = (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4)
    return luminance * (2 * sxy + 9e-4) / (sxx + syy + 9e-4)


# levels of the two images and the noise on both
FLAT = {
    "offset": (1000.0, 1000.0, 0.05),
    "offset-and-flat": (1000.0, 1000.5, 0.0),
    "faint-noise": (0.95, 0.95, 0.01),
    "flat": (0.95, 0.9, 0.0),
}


@pytest.mark.parametrize("case", FLAT)
def test_flat_and_offset_images_do_not_cancel(device, case):
    *levels, noise = FLAT[case]
    generator = torch.Generator().manual_seed(0)
    grain = noise * torch.randn(2, 1, 3, 24, 24, generator=generator, dtype=torch.float64)
    x, y = (level + g.float() for level, g in zip(levels, grain, strict=True))
    expected = scikit_image(x[0].double(), y[0].double())

    actual = ssim(x.to(device), y.to(device)).item()

    # at a level of 1000 scikit-image's own float64 cancels; the worst measured is 1.3e-8
    assert actual == pytest.approx(expected, rel=0, abs=5e-8)
    # and this is why: float32 moments lose what structure there is
    torchmetrics_score = structural_similarity_index_measure(x, y, data_range=1.0).item()
    assert abs(torchmetrics_score - expected) > 1e-3
    assert abs(naive_float32(x, y).item() - expected) > 2e-6


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0, 1000.0, 1e6])
@pytest.mark.parametrize("noise", [0.0, 1e-4, 0.3])
def test_single_window_agrees_with_the_formula(level, noise):
    generator = torch.Generator().manual_seed(0)
    x, y = level + noise * torch.randn(2, 1, 1, 11, 11, generator=generator, dtype=torch.float64)

    actual = ssim(x, y).item()

    expected = single_window(x[0, 0].numpy(), y[0, 0].numpy())
    # moments about the mean there, about one pixel here; the worst measured is 1.4e-16
    assert actual == pytest.approx(expected, rel=0, abs=1e-15)
