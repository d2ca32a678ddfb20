import pytest
import torch

from gpu_metrics.errors import InputError
from gpu_metrics.tensors import check_pair

X = torch.zeros(2, 3, 12, 20, dtype=torch.uint8)
MASK = torch.ones(2, 1, 12, 20, dtype=torch.bool)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "dtype", [torch.uint8, torch.float16, torch.bfloat16, torch.float32, torch.float64]
)
def test_accepts_images_of_every_documented_kind(channels, dtype):
    x = torch.zeros(2, channels, 12, 20, dtype=dtype)
    check_pair(x, x, MASK, min_side=12)


@pytest.mark.parametrize(
    ("x", "y", "sentence"),
    [
        (X[0], X[0], "x: expected (B, C, H, W) images, got (3, 12, 20); add a batch axis"),
        (X, X[..., 1:], "equal shapes, got (2, 3, 12, 20) and (2, 3, 12, 19)"),
        (X, X[0], "equal shapes, got (2, 3, 12, 20) and (3, 12, 20)"),
        (X.int(), X.int(), "uint8 images or float images in [0, 1], both of one dtype"),
        (X.bool(), X.bool(), "got torch.bool and torch.bool"),
        (X.cfloat(), X.cfloat(), "got torch.complex64 and torch.complex64"),
        (X, X.float(), "got torch.uint8 and torch.float32"),
        (X.float(), X.double(), "got torch.float32 and torch.float64"),
        (X, X.to("meta"), "must share a device, got cpu and meta"),
        (X[:, :2], X[:, :2], "expected 1 or 3 channels, got 2"),
        (X.movedim(1, -1), X.movedim(1, -1), "got 12; channels come before height and width"),
        (X[..., :10, :], X[..., :10, :], "at least 11 px for this metric, got 10x20"),
    ],
)
def test_rejects_pairs_that_cannot_be_compared(x, y, sentence):
    with pytest.raises(InputError) as caught:
        check_pair(x, y, min_side=11)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (255.0, "expected values in [0, 1], got 0 to 255; divide 8-bit levels by 255"),
        (1.25, "expected values in [0, 1], got 0 to 1.25; clip them first"),
        (-0.5, "expected values in [0, 1], got -0.5 to 0; clip them first"),
    ],
)
@pytest.mark.parametrize("name", ["x", "y"])
def test_floats_outside_of_the_range_are_refused(name, value, sentence):
    pair = {"x": X.double(), "y": X.double()}
    pair[name][1, 2, 3, 4] = value
    with pytest.raises(InputError) as caught:
        check_pair(**pair)
    assert str(caught.value) == f"{name}: {sentence}"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_rounding_at_the_ends_of_the_range_passes(dtype):
    x = torch.tensor([-1.0, 2.0]).to(dtype) * torch.finfo(dtype).eps + torch.tensor([0.0, 1.0])
    x = x.to(dtype).expand(1, 3, 2, 2)
    check_pair(x, x)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_is_left_to_the_score(value):
    check_pair(torch.full((1, 3, 2, 2), value), torch.zeros(1, 3, 2, 2))


def test_a_loss_may_see_what_a_network_puts_out():
    x = torch.full((1, 3, 2, 2), 1.5, requires_grad=True)
    check_pair(x, torch.zeros(1, 3, 2, 2))


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (MASK.byte() * 255, "expected booleans, got torch.uint8; threshold it first"),
        (MASK.float(), "expected booleans, got torch.float32"),
        (MASK[:, 0], "expected shape (2, R, 12, 20) for R >= 1 regions"),
        (MASK[:1], "got (1, 1, 12, 20)"),
        (MASK[..., 1:], "got (2, 1, 12, 19)"),
        (MASK[:, :0], "got (2, 0, 12, 20)"),
        (MASK.to("meta"), "must share the device of x, got meta and cpu"),
    ],
)
def test_rejects_masks_that_do_not_fit(mask, sentence):
    with pytest.raises(InputError) as caught:
        check_pair(X, X, mask)
    assert str(caught.value).startswith("mask")
    assert sentence in str(caught.value)


def test_side_is_counted_beyond_the_border():
    check_pair(X, X, min_side=2, border=5)
    with pytest.raises(InputError, match=r"at least 3 px for this metric beyond a border of 5 px"):
        check_pair(X, X, min_side=3, border=5)


def test_rejects_border_below_zero():
    with pytest.raises(InputError, match=r"border: expected 0 or more pixels, got -1"):
        check_pair(X, X, border=-1)


def test_never_reads_pixels():
    x = X.to("meta")
    check_pair(x, x, MASK.to("meta"))
