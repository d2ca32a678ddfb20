"""Images too small, masks at fault, references at fault; ids name lines of bad inputs."""

import json

import numpy as np
import pytest

from gpu_metrics.cache import RowCache
from gpu_metrics.engine import Scorer
from gpu_metrics.errors import ReferenceSetError
from tests.intake.files import encoded, photo, png

REGIONS = {
    "psnr": 'metric = "psnr", identical = 100',
    "delta_e": 'metric = "delta_e", region = "person", formula = "opencv-8bit"',
    "ssim": 'metric = "ssim"',
    "ssim_person": 'metric = "ssim", region = "person"',
    "ssim_5x5": 'metric = "ssim", window = "binomial", color = "luma"',
}


@pytest.fixture
def regions(make_profile):
    return make_profile(REGIONS)


@pytest.fixture
def make_set(tmp_path):
    """A reference set of one image for each mask, and a submission, all of that size."""

    def make(height, width, *masks):
        for number, mask in enumerate(masks, start=1):
            files = {"gt": photo(height, width), "mask": mask, "team": photo(height, width, seed=1)}
            for folder, image in files.items():
                path = tmp_path / folder / f"{number:03}.png"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(image if isinstance(image, bytes) else encoded(".png", image))
        return tmp_path

    return make


def scored(profile, place):
    return Scorer(profile, place, device="cpu").score(place / "team")


@pytest.mark.parametrize(
    ("side", "absent"),
    [
        pytest.param(8, ["ssim", "ssim_person"], id="line-23 8 x 8"),
        pytest.param(10, ["ssim", "ssim_person"], id="line-23 10 x 10"),
        pytest.param(11, [], id="line-23 11 x 11"),
        pytest.param(1, ["ssim", "ssim_person"], id="line-24 1 x 1"),
    ],
)
def test_measures_that_do_not_fit_leave_the_others(make_set, regions, side, absent):
    mask = np.full((side, side), 255, np.uint8)
    run = scored(regions, make_set(side, side, mask))
    values = run.images[0].values
    assert [name for name, value in values.items() if value is None] == absent
    assert run.warnings == tuple(
        f"001: {name} is not scored: not defined for {side} x {side} (needs 11 x 11)"
        for name in absent
    )
    assert {name: count.scored for name, count in run.counts.items()} == {
        name: int(name not in absent) for name in values
    }


@pytest.mark.weights
def test_line_23_lpips_of_a_small_image_is_not_scored(make_set, make_profile):
    profile = make_profile({"lpips": 'metric = "lpips"', "mse": 'metric = "mse"'})
    run = scored(profile, make_set(30, 31, np.zeros((30, 31), np.uint8)))
    assert run.images[0].values["lpips"] is None and run.images[0].values["mse"] > 0
    assert run.warnings == ("001: lpips is not scored: not defined for 31 x 30 (needs 31 x 31)",)


def test_line_25_a_mask_of_zeros_is_left_out_and_counted(make_set, regions):
    nobody, somebody = np.zeros((24, 32), np.uint8), np.full((24, 32), 255, np.uint8)
    run = scored(regions, make_set(24, 32, nobody, somebody))
    empty, full = (row.values for row in run.images)
    assert (empty["delta_e"], empty["ssim_person"]) == (None, None)
    assert run.means["delta_e"] == full["delta_e"]
    assert (run.counts["delta_e"].scored, run.counts["delta_e"].not_scored) == (1, 1)
    assert [row.pixels["person"] for row in run.images] == [0, 24 * 32]
    assert "001: delta_e is not scored: the region person selects no pixel" in run.warnings


def test_line_26_one_pixel_is_a_region(make_set, regions):
    mask = np.zeros((24, 32), np.uint8)
    mask[12, 16] = 255
    run = scored(regions, make_set(24, 32, mask))
    assert run.images[0].pixels["person"] == 1
    assert run.images[0].values["delta_e"] > 0 and run.counts["delta_e"].scored == 1


def test_line_27_masks_are_read_as_grey_at_the_threshold(make_set, regions):
    inside = np.zeros((24, 32), bool)
    inside[5:20, 7:30] = True
    binary = np.where(inside, 255, 0).astype(np.uint8)
    soft = np.where(inside, 128, 127).astype(np.uint8)
    place = make_set(24, 32, binary, soft, np.dstack([binary] * 3), inside.astype(np.uint8))
    rows = scored(regions, place).images
    assert {row.pixels["person"] for row in rows} == {int(inside.sum())}
    assert all(row.values == rows[0].values for row in rows)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        pytest.param(
            encoded(".png", np.zeros((23, 32), np.uint8)),
            "mask/001.png: 32 x 23, but its ground truth 001.png is 32 x 24",
            id="line-27 of another size",
        ),
        pytest.param(b"<html>", "mask/001.png: this is an HTML file", id="line-27 no image"),
        pytest.param(None, "gt/001.png: has no mask", id="line-28 missing"),
    ],
)
def test_masks_at_fault_are_the_hosts(make_set, regions, run_cli, mask, words):
    place = make_set(24, 32, *[np.zeros((24, 32), np.uint8)] * 2)
    (place / "test.toml").write_text(regions.text)
    file = place / "mask" / "001.png"
    file.write_bytes(mask) if mask is not None else file.unlink()
    arguments = ["--profile", place / "test.toml", "--reference", place, "-o", place / "run.json"]
    outcome = run_cli("score", place / "team", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert words in outcome.err
    assert not (place / "run.json").exists()


def test_line_29_identical_images_have_finite_json(make_set, regions, run_cli):
    place = make_set(24, 32, np.full((24, 32), 255, np.uint8))
    (place / "test.toml").write_text(regions.text)
    arguments = ["--profile", place / "test.toml", "--reference", place, "--format", "json"]
    outcome = run_cli("score", place / "gt", *arguments)

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    means = json.loads(outcome.out, parse_constant=refuse)["means"]
    assert means == {"psnr": 100, "delta_e": 0, "ssim": 1, "ssim_person": 1, "ssim_5x5": 1}


def test_line_32_nothing_is_scored_or_kept_for_a_damaged_reference(make_set, regions, tmp_path):
    place = make_set(24, 32, *[np.zeros((24, 32), np.uint8)] * 2)
    truth = place / "gt" / "002.png"
    truth.write_bytes(png(photo())[:-20])
    with RowCache(tmp_path / "rows") as rows:
        with pytest.raises(ReferenceSetError, match=f"{truth}: cut short"):
            Scorer(regions, place, device="cpu", cache=rows)
        truth.write_bytes(png(photo()))
        run = Scorer(regions, place, device="cpu", cache=rows).score(place / "team")
    assert (run.status, run.provenance["cached"]) == ("complete", 0)
