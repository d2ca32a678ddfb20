import pickle
from functools import partial

import pytest
import torch
from torchmetrics import MetricCollection
from torchmetrics.image import PeakSignalNoiseRatio

from gpu_metrics.errors import InputError
from gpu_metrics.metrics import psnr
from gpu_metrics.torchmetrics import MaskedDeltaE, MaskedLPIPS, MaskedPSNR, MaskedSSIM

IMAGES = 6
METRICS = {
    "psnr": MaskedPSNR,
    "psnr-luma": partial(MaskedPSNR, color="luma", border=3),
    "ssim": MaskedSSIM,
    "ssim-binomial": partial(MaskedSSIM, window="binomial"),
    "delta_e": MaskedDeltaE,
    "delta_e-8bit": partial(MaskedDeltaE, formula="opencv-8bit"),
    "lpips": MaskedLPIPS,
    "lpips-box": partial(MaskedLPIPS, mode="box", pad=4),
}
every_metric = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.weights if name.startswith("lpips") else ())
        for name in METRICS
    ],
)


def batch_of_images():
    """Images, noisy copies, and masks of which the third and the last are empty."""
    generator = torch.Generator().manual_seed(3)
    y = torch.randint(256, (IMAGES, 3, 40, 40), generator=generator)
    x = (y + torch.randint(-40, 41, y.shape, generator=generator)).clamp(0, 255)
    mask = torch.zeros(IMAGES, 40, 40, dtype=torch.bool)
    for image in (0, 1, 3, 4):
        mask[image, 2 + image : 37, 1 : 38 - 2 * image] = True
    return x.byte(), y.byte(), mask


def fed(metric, batch, sizes=(IMAGES,)):
    for part in zip(*(images.split(sizes) for images in batch), strict=True):
        metric.update(*part)
    return metric


def select(batch, images):
    return tuple(part[images] for part in batch)


def counts(metric):
    return int(metric.scored), int(metric.not_scored), int(metric.failed)


@every_metric
@pytest.mark.parametrize("sizes", [(6,), (3, 1, 2), (1,) * 6], ids=["one", "uneven", "single"])
def test_batches_and_order_move_no_bit(name, sizes):
    batch = batch_of_images()
    expected = fed(METRICS[name](), batch).compute()
    for images in (slice(None), [4, 2, 0, 5, 3, 1]):
        metric = fed(METRICS[name](), select(batch, images), sizes)
        assert torch.equal(metric.compute(), expected)


def test_the_order_of_addition_moves_no_bit_where_floats_would():
    x, y, _ = batch_of_images()
    orders = [[*range(first, IMAGES), *range(first)] for first in range(IMAGES)]
    scores = psnr(x, y).tolist()
    assert len({sum(scores[i] for i in order) for order in orders}) > 1
    means = [fed(MaskedPSNR(), (x[order], y[order]), (1,) * IMAGES) for order in orders]
    assert len({metric.compute().item() for metric in means}) == 1


def test_reset_forgets_everything():
    batch = batch_of_images()
    metric = fed(MaskedSSIM(), batch)
    metric.compute()
    metric.reset()
    assert counts(metric) == (0, 0, 0)
    first = select(batch, slice(0, 1))
    assert torch.equal(fed(metric, first, (1,)).compute(), fed(MaskedSSIM(), first, (1,)).compute())


def test_merging_adds_images_even_after_a_mean_was_taken():
    batch = batch_of_images()
    left = fed(MaskedDeltaE(), select(batch, slice(0, 1)), (1,))
    right = fed(MaskedDeltaE(), select(batch, slice(1, 6)), (5,))
    left.compute()
    left.merge_state(right)
    assert counts(left) == (4, 2, 0)
    assert torch.equal(left.compute(), fed(MaskedDeltaE(), batch).compute())

    left.merge_state(right.metric_state)
    assert counts(left) == (7, 4, 0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (MaskedPSNR(), MaskedPSNR(color="luma")),
        (MaskedPSNR(border=1), MaskedPSNR(border=2)),
        (MaskedPSNR(), MaskedSSIM()),
    ],
    ids=["other-option", "other-number", "other-metric"],
)
def test_sums_of_other_settings_do_not_merge(one, other):
    for incoming in (other, other.metric_state):
        with pytest.raises(InputError, match="incoming_state: expected sums of psnr .* got sums"):
            one.merge_state(incoming)


@every_metric
def test_pickles_in_the_middle(name):
    batch = batch_of_images()
    metric = fed(METRICS[name](), select(batch, slice(0, 2)), (2,))
    copy = pickle.loads(pickle.dumps(metric))
    fed(copy, select(batch, slice(2, 6)), (4,))
    assert torch.equal(copy.compute(), fed(METRICS[name](), batch).compute())


def test_state_dict_carries_the_sums_when_asked_to():
    batch = batch_of_images()
    metric = fed(MaskedSSIM(), batch)
    assert not metric.state_dict()
    metric.persistent(True)

    copy = MaskedSSIM()
    copy.load_state_dict(metric.state_dict())
    assert counts(fed(copy, batch)) == (8, 4, 0)
    assert torch.equal(copy.compute(), metric.compute())


CHANGES = {
    "set_dtype": lambda metric: metric.set_dtype(torch.float16),
    "half": lambda metric: metric.half(),
    "double": lambda metric: metric.double(),
    "to": lambda metric: metric.to(torch.float16),
    "model-half": lambda metric: torch.nn.Sequential(metric).half(),
    "model-to": lambda metric: torch.nn.Sequential(metric).to(torch.bfloat16),
    "model-type": lambda metric: torch.nn.Sequential(metric).type(torch.float16),
}


@pytest.mark.weights
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_of_dtype_touches_neither_sums_nor_mean(change):
    batch = batch_of_images()
    for metric in (MaskedPSNR(), MaskedLPIPS()):
        mean = fed(metric, batch).compute()
        change(metric)
        assert torch.equal(metric.compute(), mean)
        assert metric.compute().dtype == torch.float64
        assert torch.equal(fed(metric, batch).compute(), mean)
        assert counts(metric) == (8, 4, 0)


@pytest.mark.weights
def test_autocast_and_gradients_stay_outside():
    x, y, mask = batch_of_images()
    x, y = x / 255, y / 255
    expected = fed(MaskedLPIPS(), (x, y, mask)).compute()
    with torch.autocast("cpu", torch.bfloat16):
        batch = MaskedLPIPS()(x.requires_grad_(), y, mask)
    assert not batch.requires_grad
    assert torch.equal(batch, expected)


@pytest.mark.weights
def test_the_network_follows_the_metric():
    metric = MaskedLPIPS().to("meta")
    assert metric.network.device.type == metric.scored.device.type == "meta"
    with pytest.raises(
        InputError, match=r"device meta, got cpu; move the metric with .to\('cpu'\)"
    ):
        metric.update(*batch_of_images())


@pytest.mark.gpu
@every_metric
def test_agrees_with_the_cpu(name):
    batch = batch_of_images()
    expected = fed(METRICS[name](), batch).compute().item()
    metric = fed(METRICS[name]().to("cuda"), [part.cuda() for part in batch])
    # LPIPS is float32 work; the logarithm of PSNR may differ by a bit, which rounding may show
    tolerance = 1e-5 if name.startswith("lpips") else 1e-9
    assert metric.compute().item() == pytest.approx(expected, rel=tolerance, abs=0)
    assert metric.to("cpu").compute().item() == metric.compute().item()


@pytest.mark.weights
def test_a_collection_keeps_apart_metrics_that_score_its_first_batch_alike():
    x, y, mask = batch_of_images()
    batches = [(y, y, torch.zeros_like(mask)), (y, y, mask), (x, y, mask)]
    collection = MetricCollection({name: make() for name, make in METRICS.items()})
    alone = {name: make() for name, make in METRICS.items()}
    for batch in batches:
        collection.update(*batch)
        for metric in alone.values():
            metric.update(*batch)
    means = collection.compute()
    assert means == {name: metric.compute() for name, metric in alone.items()}


def test_a_collection_may_hold_metrics_that_take_no_mask():
    x, y, mask = batch_of_images()
    x, y = x / 255, y / 255
    theirs = PeakSignalNoiseRatio(data_range=1.0)
    means = MetricCollection({"ours": MaskedPSNR(), "theirs": theirs})(preds=x, target=y, mask=mask)
    assert torch.equal(means["ours"], fed(MaskedPSNR(), (x, y, mask)).compute())
