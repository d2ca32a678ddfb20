import math

import numpy as np
import pytest
import torch

from gpu_metrics.errors import ProfileError
from gpu_metrics.measuring import finish, measure
from gpu_metrics.metrics import Network, lpips
from gpu_metrics.pairing import ReferenceFiles
from gpu_metrics.precision import repeatable
from gpu_metrics.reference import Reference, ReferenceImage
from gpu_metrics.resident import Resident
from gpu_metrics.targets import Target


@pytest.fixture
def make_target(draw, tmp_path):
    """A target whose mask is 255 inside a box, empty for None."""

    def make(profile, height, width, box=None):
        mask = torch.zeros(height, width, dtype=torch.uint8)
        if box is not None:
            top, left, bottom, right = box
            mask[top:bottom, left:right] = 255
        pixels = torch.from_numpy(draw(height, width, 3)).permute(2, 0, 1)
        files = ReferenceFiles("001", tmp_path, tmp_path, "001")
        return Target.prepare(ReferenceImage(files, pixels, mask, ""), profile)

    return make


def values(target, profile, networks=None):
    """Every measure of a slightly darker copy of the target."""
    y = target.image.pixels[None].contiguous()
    x = (y.int() - 5).clamp(0).to(torch.uint8)
    networks = networks or {}
    known = Resident(Reference({"001": target.image}), networks, x.device, budget=0)
    with repeatable():
        row = measure(x, [target], known, profile, networks)
    return dict(zip(profile.measures, row[0].tolist(), strict=True))


def test_pixels_are_counted_per_region(make_target, pixel_profile):
    target = make_target(pixel_profile, 40, 50, (10, 5, 30, 25))
    assert target.pixels == {"image": 2000, "person": 400, "background": 1600}
    assert target.undefined == {}


@pytest.mark.parametrize("color", ["rgb", "luma"])
@pytest.mark.parametrize(
    ("metric", "smallest"),
    [
        ('metric = "mse"', 1),
        ('metric = "mse", border = 2', 5),
        ('metric = "psnr", border = 3', 7),
        ('metric = "ssim"', 11),
        ('metric = "ssim", border = 4', 19),
        ('metric = "ssim", window = "binomial"', 1),
        ('metric = "ssim", window = "binomial", border = 1', 3),
    ],
)
def test_sides_too_short_are_told_and_never_measured(
    make_target, make_profile, metric, smallest, color
):
    profile = make_profile({"m": f'{metric}, color = "{color}"'})
    fitting = make_target(profile, smallest, smallest + 3)
    assert fitting.undefined == {}
    assert not math.isnan(values(fitting, profile)["m"])
    if smallest > 1:
        small = make_target(profile, smallest + 3, smallest - 1)
        size = f"{smallest - 1} x {smallest + 3} (needs {smallest} x {smallest})"
        assert small.undefined == {"m": f"not defined for {size}"}
        assert math.isnan(values(small, profile)["m"])


@pytest.mark.parametrize("metric", ["psnr", "mse", "ssim", "delta_e"])
def test_empty_regions_are_told_and_never_measured(make_target, make_profile, metric):
    profile = make_profile({"m": f'metric = "{metric}", region = "person"'})
    target = make_target(profile, 40, 50)
    assert target.undefined == {"m": "the region person selects no pixel"}
    assert math.isnan(values(target, profile)["m"])


@pytest.mark.parametrize(
    ("options", "margin"),
    [('metric = "ssim"', 5), ('metric = "ssim", border = 2', 7), ('metric = "mse", border = 4', 4)],
)
def test_regions_outside_what_counts_are_told(make_target, make_profile, options, margin):
    profile = make_profile({"m": f'{options}, region = "person"'})
    outside = make_target(profile, 40, 50, (0, 0, 40, margin))
    assert outside.undefined == {
        "m": "the region person touches no pixel where the window fits",
    }
    assert math.isnan(values(outside, profile)["m"])
    touching = make_target(profile, 40, 50, (0, 0, 40, margin + 1))
    assert touching.undefined == {}
    assert not math.isnan(values(touching, profile)["m"])


@pytest.mark.weights
@pytest.mark.parametrize(("net", "smallest"), [("alex", 31), ("vgg", 16)])
def test_boxes_too_small_for_a_network_are_told(
    make_target, make_profile, trunk_weights, net, smallest
):
    profile = make_profile(
        {"m": f'metric = "lpips", net = "{net}", mode = "box", pad = 3, region = "person"'}
    )
    networks = {net: Network.build(trunk_weights(net))}
    side = smallest - 6
    fitting = make_target(profile, 60, 60, (10, 10, 10 + side, 10 + side))
    assert fitting.boxes == {"m": (7, 7, 7 + smallest, 7 + smallest)}
    assert values(fitting, profile, networks)["m"] > 0

    small = make_target(profile, 60, 60, (10, 10, 9 + side, 10 + side))
    size = f"a box of {smallest} x {smallest - 1} (needs {smallest} x {smallest})"
    assert small.undefined == {"m": f"not defined for {size}"}
    assert math.isnan(values(small, profile, networks)["m"])

    # at a corner the pad is cut off by the image
    corner = make_target(profile, 60, 60, (0, 0, side, side))
    assert corner.boxes == {"m": (0, 0, side + 3, side + 3)}
    assert "m" in corner.undefined
    empty = make_target(profile, 60, 60)
    assert (empty.boxes, list(empty.undefined)) == ({"m": None}, ["m"])
    assert math.isnan(values(empty, profile, networks)["m"])


@pytest.mark.weights
@pytest.mark.parametrize("net", ["alex", "vgg"])
@pytest.mark.parametrize("mode", ["image", "box", "map"])
def test_every_mode_of_lpips_is_the_metrics(make_target, make_profile, trunk_weights, net, mode):
    region = "image" if mode == "image" else "person"
    profile = make_profile(
        {
            "m": f'metric = "lpips", net = "{net}", mode = "{mode}", region = "{region}"',
            "bg": f'metric = "lpips", net = "{net}", mode = "map", region = "background"',
        }
    )
    network = Network.build(trunk_weights(net))
    target = make_target(profile, 64, 70, (10, 12, 50, 60))
    found = values(target, profile, {net: network})

    y = target.image.pixels[None].contiguous()
    x = (y.int() - 5).clamp(0).to(torch.uint8)
    mask = (target.image.mask >= 128)[None, None]
    with repeatable():
        expected = lpips(x, y, None if mode == "image" else mask, network=network, mode=mode).item()
        background = lpips(x, y, ~mask, network=network, mode="map").item()
    # in mode "map" both regions share a pass, whose float64 sums run in another order
    assert found["m"] == pytest.approx(expected, rel=1e-15)
    assert found["bg"] == pytest.approx(background, rel=1e-15)


def test_a_region_needs_a_mode_that_looks_at_regions(make_profile):
    with pytest.raises(ProfileError, match='choose "box" or "map" for a region'):
        make_profile({"m": 'metric = "lpips", region = "person"'})


@pytest.mark.weights
def test_images_too_small_for_a_network_are_told(make_target, make_profile, trunk_weights):
    profile = make_profile(
        {
            "all": 'metric = "lpips"',
            "person": 'metric = "lpips", mode = "map", region = "person"',
            "mse": 'metric = "mse"',
        }
    )
    target = make_target(profile, 30, 80, (0, 0, 20, 20))
    assert target.undefined == dict.fromkeys(
        ["all", "person"], "not defined for 80 x 30 (needs 31 x 31)"
    )
    found = values(target, profile, {"alex": Network.build(trunk_weights("alex"))})
    assert math.isnan(found["all"]) and math.isnan(found["person"])
    assert found["mse"] > 0


def test_one_pixel_is_measured(make_target, make_profile):
    profile = make_profile({"m": 'metric = "mse", region = "person"'})
    target = make_target(profile, 9, 9, (4, 4, 5, 5))
    before = target.image.pixels[:, 4, 4].int()
    difference = before - (before - 5).clamp(0)
    expected = float(np.mean(difference.numpy() ** 2)) / 255**2
    assert values(target, profile)["m"] == pytest.approx(expected, rel=1e-15)


def test_errors_become_decibels_on_the_host(make_profile):
    psnr = make_profile({"m": 'metric = "psnr", identical = 77'}).measures["m"]
    assert finish(psnr, 0.0) == 77
    assert finish(psnr, 0.001) == pytest.approx(30, rel=1e-15)
    assert finish(psnr, math.nan) is None
    mse = make_profile({"m": 'metric = "mse"'}).measures["m"]
    assert finish(mse, 0.001) == 0.001
    assert finish(mse, math.nan) is None
