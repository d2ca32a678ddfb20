import numpy as np
import pytest
import torch

from gpu_metrics import doctor
from gpu_metrics.catalog import METRICS
from gpu_metrics.doctor import Check, facts, known_answers, missing_weights, synthetic_pair


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("GPU_METRICS_CACHE", str(tmp_path))
    monkeypatch.delenv("GPU_METRICS_WEIGHTS", raising=False)


@pytest.mark.weights
def test_known_answers_come_out(device, trunk_weights):
    for net in ("alex", "vgg"):
        trunk_weights(net)
    checks = known_answers(device)
    assert [check for check in checks if not check.passed] == []
    # a PSNR is made of its mean squared error on the host
    assert {check.name.partition(",")[0] for check in checks} == METRICS.keys() - {"psnr"}
    assert all(check.tolerance == 0 for check in checks if check.name in doctor._KNOWN_BITS)


def test_lpips_is_skipped_with_a_reason_where_its_weights_are_not(no_weights):
    checks = known_answers(torch.device("cpu"))
    assert all(check.passed for check in checks)
    measured = {check.name.partition(",")[0] for check in checks}
    assert measured == METRICS.keys() - {"psnr", "lpips"}
    assert list(missing_weights()) == ["alex", "vgg"]
    assert "alex" in missing_weights()["alex"]


@pytest.mark.parametrize("name", doctor._KNOWN_BITS)
def test_a_metric_that_is_off_by_one_bit_fails(no_weights, monkeypatch, name):
    metric, bits = doctor._KNOWN_BITS[name]
    far = torch.tensor([99.0], dtype=torch.float64)
    tampered = (lambda x, y: torch.nextafter(metric(x, y), far)), bits
    monkeypatch.setitem(doctor._KNOWN_BITS, name, tampered)
    failed = [check.name for check in known_answers(torch.device("cpu")) if not check.passed]
    assert failed == [name]


@pytest.mark.parametrize("actual", [1.0 + 2e-6, float("nan"), float("inf")])
def test_a_check_fails_beyond_its_tolerance(actual):
    assert not Check("x", 1.0, actual, 1e-6).passed
    assert Check("x", 1.0, 1.0, 0.0).passed


def test_the_pair_is_integer_arithmetic():
    channel, row, column = np.indices((3, 64, 96))
    y = (row * 3 + column * 2 + channel * 40 + row * column // 16) % 256
    x = (y + (row * 7 + column * 13 + channel * 5) % 23 - 11).clip(0, 255)
    for image, expected in zip(synthetic_pair(), (x, y), strict=True):
        assert image.dtype == torch.uint8
        np.testing.assert_array_equal(image[0], expected)


def test_facts_name_what_scores_depend_on():
    found = facts()
    assert found["torch"] == torch.__version__
    assert {"decoder", "kornia", "cupy", "cpu"} <= set(found)
    assert all(isinstance(text, str) and text for text in found.values())
