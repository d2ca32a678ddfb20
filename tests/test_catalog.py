import pytest

from gpu_metrics.catalog import METRICS, check_options, min_side
from gpu_metrics.errors import ProfileError


def test_check_options_fills_in_defaults_and_keeps_types():
    assert check_options("psnr", {"identical": 90}, where="x") == {
        "identical": 90.0,
        "color": "rgb",
        "border": 0,
    }
    with pytest.raises(ProfileError, match="x: psnr has no option 'borders'; it has .*'border'"):
        check_options("psnr", {"borders": 1}, where="x")


@pytest.mark.parametrize(
    ("metric", "given", "expected"),
    [
        ("psnr", {}, 1),
        ("mse", {"border": 4}, 9),
        ("ssim", {}, 11),
        ("ssim", {"border": 4}, 19),
        ("ssim", {"window": "binomial"}, 1),
        ("delta_e", {}, 1),
        ("lpips", {}, 31),
        ("lpips", {"net": "vgg"}, 16),
    ],
)
def test_min_side(metric, given, expected):
    assert min_side(metric, check_options(metric, given, where="x")) == expected


def test_defaults_of_options_are_unchanged_since_digests_leave_them_out():
    defaults = {
        metric: {name: option.default for name, option in entry.options.items()}
        for metric, entry in METRICS.items()
    }
    assert defaults == {
        "psnr": {"identical": 100.0, "color": "rgb", "border": 0},
        "mse": {"color": "rgb", "border": 0},
        "ssim": {"window": "gaussian", "color": "rgb", "border": 0},
        "delta_e": {"formula": "ciede2000"},
        "lpips": {"net": "alex", "mode": "image", "pad": 8},
    }
