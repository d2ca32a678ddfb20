import pytest
import torch

from gpu_metrics import devices
from gpu_metrics.engine import Scorer
from gpu_metrics.metrics import Network
from gpu_metrics.metrics.trunk import features, features_bytes
from gpu_metrics.precision import repeatable
from gpu_metrics.reference import Reference
from gpu_metrics.resident import Resident

pytestmark = pytest.mark.weights

CPU = torch.device("cpu")
BOX = (10, 10, 60, 70)


@pytest.fixture
def make(gallery, make_profile, trunk_weights):
    profile = make_profile({"m": 'metric = "lpips", region = "person", mode = "box"'})
    reference = Reference.load(gallery.reference, profile)
    networks = {"alex": Network.build(trunk_weights("alex"))}

    def known(budget):
        return Resident(reference, networks, CPU, budget=budget)

    return known


def test_features_are_computed_once_where_they_fit(make):
    known = make(10**9)
    with repeatable():
        first = known.features("001", "alex", BOX)
        assert all(a is b for a, b in zip(first, known.features("001", "alex", BOX), strict=True))
    assert known.kept_bytes == sum(layer.nbytes for layer in first)


def test_features_beyond_the_budget_have_the_same_bits(make):
    with repeatable():
        expected = make(10**9).features("001", "alex", BOX)
        known = make(sum(layer.nbytes for layer in expected) + 1)
        known.features("001", "alex", BOX)
        kept = known.kept_bytes
        again = [known.features("005", "alex", BOX) for _ in range(2)]
        assert known.kept_bytes == kept
        assert all(torch.equal(*pair) for pair in zip(*again, strict=True))
        none = make(0)
        found = none.features("001", "alex", BOX)
    assert none.kept_bytes == 0
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


def test_passing_submissions_share_the_latest_features(make):
    known = make(0)
    with repeatable(), known.passing():
        first, again = (known.features("001", "alex", BOX) for _ in range(2))
        assert all(a is b for a, b in zip(first, again, strict=True))
        for shift in range(4):
            known.features("005", "alex", (shift, 10, 60, 70))
        gone = known.features("001", "alex", BOX)
        assert all(torch.equal(a, b) and a is not b for a, b in zip(first, gone, strict=True))
    with repeatable():
        assert known.features("001", "alex", BOX)[0] is not gone[0]
    assert known.kept_bytes == 0


@pytest.mark.parametrize("net", ["alex", "vgg"])
@pytest.mark.parametrize("side", [(50, 60), (31, 47), (64, 33)])
def test_room_for_features_is_known_before_them(net, side, trunk_weights):
    network = Network.build(trunk_weights(net))
    image = torch.zeros(1, 3, *side, dtype=torch.uint8)
    expected = sum(layer.nbytes for layer in features(image, network))
    assert features_bytes(*side, network) == expected


def test_what_would_fit_does(make):
    with repeatable():
        size = sum(layer.nbytes for layer in make(10**9).features("001", "alex", BOX))
        for budget, fits in ((size, True), (size - 1, False)):
            known = make(budget)
            assert known.would_fit([("001", "alex", BOX)]) is fits
            known.features("001", "alex", BOX)
            assert known.would_fit([("001", "alex", BOX)]) is fits
            assert (known.kept_bytes == size) is fits


def test_what_is_released_is_computed_again(make):
    known = make(10**9)
    assert not known.release()
    with repeatable():
        before = known.features("001", "alex", BOX)
        assert known.release() and known.kept_bytes == 0
        after = known.features("001", "alex", BOX)
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))


def test_no_budget_moves_a_digit(gallery, make_profile):
    profile = make_profile(
        {
            "box": 'metric = "lpips", region = "person", mode = "box"',
            "map": 'metric = "lpips", region = "background", mode = "map"',
            "image": 'metric = "lpips"',
        }
    )
    scorers = [
        Scorer(profile, gallery.reference, device="cpu", keep_gigabytes=budget)
        for budget in (0.0, 0.003, None)
    ]
    first, second = ([s.score(gallery.submission) for s in scorers] for _ in range(2))
    assert all(run == first[0] for run in (*first, *second))


def test_budgets_are_a_share_of_what_there_is(monkeypatch):
    whole = devices.default_budget(CPU)
    assert 10**8 < whole < 2**50
    monkeypatch.setattr(devices, "_container_limit", lambda: 4 * 10**6)
    assert devices.default_budget(CPU) == 10**6
