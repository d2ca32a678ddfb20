import math
from functools import partial

import cv2
import lpips as lpips_package
import numpy as np
import pytest
import torch
from torchmetrics.image import PeakSignalNoiseRatio, StructuralSimilarityIndexMeasure

from gpu_metrics.errors import InputError
from gpu_metrics.metrics import Network, delta_e, lpips, psnr, ssim
from gpu_metrics.torchmetrics import MaskedDeltaE, MaskedLPIPS, MaskedPSNR, MaskedSSIM
from gpu_metrics.weights import find_weights

IMAGES = 6
# a score is rounded to 2^-32 when it is added up
ROUNDING = 2.0**-33
METRICS = {
    "psnr": (MaskedPSNR, psnr, {}),
    "psnr-luma": (MaskedPSNR, psnr, {"color": "luma", "border": 3}),
    "ssim": (MaskedSSIM, ssim, {}),
    "ssim-binomial": (MaskedSSIM, ssim, {"window": "binomial", "color": "y", "border": 2}),
    "delta_e": (MaskedDeltaE, delta_e, {}),
    "delta_e-cie76": (MaskedDeltaE, delta_e, {"formula": "cie76"}),
    "delta_e-8bit": (MaskedDeltaE, delta_e, {"formula": "opencv-8bit"}),
    "lpips": (MaskedLPIPS, lpips, {"mode": "map"}),
    "lpips-box": (MaskedLPIPS, lpips, {"mode": "box", "pad": 4}),
    "lpips-vgg": (partial(MaskedLPIPS, net="vgg"), lpips, {"mode": "map"}),
}
EVERY_METRIC = [
    pytest.param(name, marks=pytest.mark.weights if name.startswith("lpips") else ())
    for name in METRICS
    if name != "lpips-vgg"
]
FLOAT_METRICS = [param for param in EVERY_METRIC if param.values != ("delta_e-8bit",)]


def photographs(dtype=torch.uint8):
    """Smooth images, noisy copies, and masks of which the third and the last are empty."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(IMAGES, 3, 5, 5, generator=generator, dtype=torch.float64)
    y = torch.nn.functional.interpolate(coarse, size=(40, 40), mode="bicubic").clamp(0, 1)
    noise = torch.randn(y.shape, generator=generator, dtype=torch.float64)
    x = (y + 0.05 * noise).clamp(0, 1)
    if dtype == torch.uint8:
        x, y = (255 * x).round(), (255 * y).round()
    mask = torch.zeros(IMAGES, 40, 40, dtype=torch.bool)
    for image in (0, 1, 3, 4):
        mask[image, 2 + image : 37, 1 : 38 - 2 * image] = True
    return x.to(dtype), y.to(dtype), mask


def metric_of(name):
    make, _, options = METRICS[name]
    return make(**options)


def scores_of(name, x, y, mask):
    _, function, options = METRICS[name]
    if name.startswith("lpips"):
        net = "vgg" if name == "lpips-vgg" else "alex"
        options = options | {"network": Network.build(find_weights(net))}
    return function(x, y, mask, **options).flatten()


def updated(metric, *batch):
    metric.update(*batch)
    return metric


def counts(metric):
    return int(metric.scored), int(metric.not_scored), int(metric.failed)


def assert_is_mean(metric, scores):
    assert metric.compute().dtype == torch.float64
    assert metric.compute().item() == pytest.approx(scores.nanmean().item(), rel=0, abs=ROUNDING)


@pytest.mark.parametrize(
    "name", [*EVERY_METRIC, pytest.param("lpips-vgg", marks=pytest.mark.weights)]
)
def test_is_the_mean_of_the_scores_per_image(name):
    x, y, mask = photographs()
    metric = updated(metric_of(name), x, y, mask)
    assert counts(metric) == (4, 2, 0)
    assert_is_mean(metric, scores_of(name, x, y, mask[:, None]))


@pytest.mark.parametrize("name", FLOAT_METRICS)
def test_takes_float_images(name):
    x, y, mask = photographs(torch.float32)
    metric = updated(metric_of(name), x, y, mask)
    assert_is_mean(metric, scores_of(name, x, y, mask[:, None]))


@pytest.mark.parametrize("name", EVERY_METRIC)
def test_without_a_mask_whole_images_are_scored(name):
    x, y, _ = photographs()
    metric = updated(metric_of(name), x, y)
    assert counts(metric) == (IMAGES, 0, 0)
    assert_is_mean(metric, scores_of(name, x, y, None))


@pytest.mark.parametrize("name", EVERY_METRIC)
def test_forward_returns_the_value_of_the_batch(name):
    x, y, mask = photographs()
    metric = metric_of(name)
    for images in (slice(0, 2), slice(2, 6)):
        batch = x[images], y[images], mask[images]
        assert torch.equal(metric(*batch), updated(metric_of(name), *batch).compute())
    assert counts(metric) == (4, 2, 0)


def test_psnr_agrees_with_torchmetrics():
    x, y, _ = photographs(torch.float64)
    theirs = updated(PeakSignalNoiseRatio(data_range=1.0, dim=(1, 2, 3)), x, y).compute()
    # they divide by a float32 logarithm of 10, which is off by 4e-8
    assert updated(MaskedPSNR(), x, y).compute() == pytest.approx(theirs.item(), rel=6e-8, abs=0)


def test_ssim_agrees_with_torchmetrics_where_the_window_fits():
    x, y, mask = photographs(torch.float64)
    theirs = StructuralSimilarityIndexMeasure(data_range=1.0, return_full_image=True)
    # they reflect the image at its border, and average over that too
    maps = updated(theirs, x, y).compute()[1].mean(dim=1)[:, 5:-5, 5:-5]
    inside = [m[region].mean() for m, region in zip(maps, mask[:, 5:-5, 5:-5], strict=True)]

    actual = updated(MaskedSSIM(), x, y, mask).compute()

    assert actual == pytest.approx(torch.stack(inside).nanmean().item(), rel=0, abs=1e-9)


def test_delta_e_agrees_with_opencv():
    x, y, mask = photographs()

    def lab(image):
        return cv2.cvtColor(image.permute(1, 2, 0).numpy(), cv2.COLOR_RGB2LAB).astype(float)

    expected = [
        np.linalg.norm(lab(a) - lab(b), axis=-1)[region.numpy()].mean()
        for a, b, region in zip(x, y, mask, strict=True)
        if region.any()
    ]
    actual = updated(MaskedDeltaE(formula="opencv-8bit"), x, y, mask).compute()
    # pixels are rounded to 2^-24
    assert actual == pytest.approx(np.mean(expected), rel=0, abs=2.0**-25 + ROUNDING)


@pytest.mark.weights
@pytest.mark.filterwarnings("ignore:The parameter 'pretrained' is deprecated:UserWarning")
@pytest.mark.filterwarnings("ignore:Arguments other than a weight enum:UserWarning")
def test_lpips_agrees_with_the_lpips_package():
    x, y, mask = photographs(torch.float32)
    weights = find_weights("alex")
    theirs = lpips_package.LPIPS(net="alex", pnet_rand=True, spatial=True, verbose=False)
    trunk = {name: f"features.{name.split('.', 1)[1]}" for name in theirs.net.state_dict()}
    theirs.net.load_state_dict({name: weights.trunk[ours] for name, ours in trunk.items()})
    with torch.no_grad():
        maps = theirs(x, y, normalize=True)[:, 0].double()
    expected = [m[region].mean().item() for m, region in zip(maps, mask, strict=True)]

    actual = updated(MaskedLPIPS(weights=weights), x, y, mask).compute()

    # their maps are upsampled in float32: 1e-9 seen
    assert actual == pytest.approx(np.nanmean(expected), rel=0, abs=1e-8)


def test_a_mask_may_have_an_axis_for_its_one_region():
    x, y, mask = photographs()
    expected = updated(MaskedPSNR(), x, y, mask).compute()
    assert torch.equal(updated(MaskedPSNR(), x, y, mask[:, None]).compute(), expected)
    with pytest.raises(InputError, match=r"mask: expected one region, .* got \(6, 2, 40, 40\)"):
        MaskedPSNR().update(x, y, torch.stack([mask, ~mask], dim=1))


@pytest.mark.parametrize("name", EVERY_METRIC)
def test_empty_regions_have_no_mean(name):
    x, y, mask = photographs()
    metric = updated(metric_of(name), x, y, torch.zeros_like(mask))
    assert counts(metric) == (0, IMAGES, 0)
    assert math.isnan(metric.compute())


def test_a_region_outside_the_windows_that_fit_is_not_scored():
    x, y, mask = photographs()
    rim = torch.zeros_like(mask)
    rim[:, :5] = True
    assert counts(updated(MaskedSSIM(), x, y, rim)) == (0, IMAGES, 0)
    assert counts(updated(MaskedSSIM(window="binomial"), x, y, rim)) == (IMAGES, 0, 0)
    assert counts(updated(MaskedPSNR(border=5), x, y, rim)) == (0, IMAGES, 0)


@pytest.mark.weights
def test_a_box_too_small_for_the_network_is_not_scored():
    x, y, mask = photographs()
    small = torch.zeros_like(mask)
    small[0, 20, 20] = True
    small[1, 5:35, 5:35] = True
    assert counts(updated(MaskedLPIPS(mode="box", pad=1), x, y, small)) == (1, 5, 0)
    assert counts(updated(MaskedLPIPS(mode="map"), x, y, small)) == (2, 4, 0)


@pytest.mark.parametrize("name", FLOAT_METRICS)
def test_a_pixel_that_is_not_a_number_leaves_no_mean(name):
    x, y, mask = photographs(torch.float32)
    x[1, :, 20, 10] = math.nan
    metric = updated(metric_of(name), x, y, mask)
    assert counts(metric) == (3, 2, 1)
    assert math.isnan(metric.compute())


def test_identical_images_have_a_finite_psnr():
    x, _, mask = photographs()
    assert updated(MaskedPSNR(), x, x, mask).compute() == 100.0
    assert updated(MaskedPSNR(identical=48.5), x, x, mask).compute() == 48.5
    for identical in (math.inf, math.nan, 1024.0):
        with pytest.raises(InputError, match="identical: expected a score within 1024 dB"):
            MaskedPSNR(identical=identical)


def test_the_mean_before_any_update_warns_as_torchmetrics_does():
    with pytest.warns(UserWarning, match="was called before the ``update`` method"):
        assert math.isnan(MaskedPSNR().compute())


def test_unknown_options_are_refused():
    with pytest.raises(ValueError, match="Unexpected keyword arguments: `colour`"):
        MaskedPSNR(colour="luma")


@pytest.mark.weights
def test_weights_of_another_network_are_refused():
    with pytest.raises(InputError, match="weights: expected those of 'vgg', got those of 'alex'"):
        MaskedLPIPS(net="vgg", weights=find_weights("alex"))


def test_plots():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure, axes = updated(MaskedSSIM(), *photographs()).plot()
    assert axes.get_ylim()[1] >= 1.0
    pyplot.close(figure)
