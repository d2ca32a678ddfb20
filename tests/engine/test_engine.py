import hashlib
import math
from importlib.metadata import version

import cv2
import numpy as np
import pytest
import torch

import gpu_metrics
from gpu_metrics.engine import Scorer
from gpu_metrics.metrics import Network, delta_e, lpips, ssim
from gpu_metrics.precision import repeatable
from gpu_metrics.profiles import load_profile
from gpu_metrics.score import compose

NOBODY, TINY = "002", "003"


@pytest.fixture(scope="module")
def run(gallery, pixel_profile):
    return Scorer(pixel_profile, gallery.reference, device="cpu").score(gallery.submission)


@pytest.fixture(scope="module")
def official_run(gallery):
    return Scorer("raim2026-flash-portrait", gallery.reference, device="cpu").score(
        gallery.submission
    )


def column(run, name):
    return {row.id: row.values[name] for row in run.images}


def batched(image):
    return torch.from_numpy(image).movedim(-1, 0)[None].contiguous()


def defined(gallery, names):
    return [id_ for id_ in gallery.truth if id_ not in names]


def test_psnr_is_that_of_integer_sums(gallery, run):
    for id_, value in column(run, "psnr_bg").items():
        difference = gallery.restored[id_].astype(int) - gallery.truth[id_]
        squares = difference[gallery.masks[id_] < 128] ** 2
        error = int(squares.sum()) / (squares.size * 255**2)
        assert value == pytest.approx(-10 * math.log10(error), rel=1e-15)


def test_mse_is_that_of_integer_sums(gallery, run):
    for id_, value in column(run, "mse_all").items():
        squares = (gallery.restored[id_].astype(int) - gallery.truth[id_]) ** 2
        assert value == pytest.approx(int(squares.sum()) / (squares.size * 255**2), rel=1e-15)


def test_delta_e_is_that_of_opencv(gallery, run):
    values = column(run, "delta_e_person")
    assert values.pop(NOBODY) is None
    for id_, value in values.items():
        x, y = (
            cv2.cvtColor(images[id_], cv2.COLOR_RGB2Lab).astype(int)
            for images in (gallery.restored, gallery.truth)
        )
        distances = np.sqrt(((x - y) ** 2).sum(axis=2))[gallery.masks[id_] >= 128]
        # each distance is rounded to 2^-24
        assert value == pytest.approx(distances.mean(), rel=0, abs=2**-25)


def test_other_metrics_are_those_of_their_functions(gallery, run):
    for row in run.images:
        x, y = batched(gallery.restored[row.id]), batched(gallery.truth[row.id])
        person = torch.from_numpy(gallery.masks[row.id] >= 128)[None, None]
        assert row.values["ssim_all"] == ssim(x, y, window="binomial", color="luma").item()
        assert row.values["ciede_bg"] == delta_e(x, y, ~person).item()
        if row.id != NOBODY:
            assert row.values["ssim_person"] == ssim(x, y, person).item()


@pytest.mark.weights
def test_lpips_is_that_of_its_function(gallery, official_run, trunk_weights):
    network = Network.build(trunk_weights("alex"))
    values = column(official_run, "lpips_person")
    assert [id_ for id_, value in values.items() if value is None] == [NOBODY, TINY]
    for id_ in defined(gallery, [NOBODY, TINY]):
        x, y = batched(gallery.restored[id_]), batched(gallery.truth[id_])
        person = torch.from_numpy(gallery.masks[id_] >= 128)[None, None]
        with repeatable():
            expected = lpips(x, y, person, network=network, mode="box", pad=8).item()
        assert values[id_] == expected


@pytest.mark.weights
def test_images_without_a_value_are_counted_and_explained(official_run):
    counts = {name: (c.scored, c.not_scored) for name, c in official_run.counts.items()}
    assert counts == {
        "psnr_bg": (6, 0),
        "ssim_global": (6, 0),
        "delta_e_person": (5, 1),
        "lpips_person": (4, 2),
    }
    assert official_run.warnings == (
        "002: delta_e_person is not scored: the region person selects no pixel",
        "002: lpips_person is not scored: the region person selects no pixel",
        "003: lpips_person is not scored: not defined for a box of 26 x 26 (needs 31 x 31)",
    )
    assert official_run.status == "complete"


@pytest.mark.weights
def test_means_leave_out_what_has_no_value(official_run):
    for name, mean in official_run.means.items():
        values = [v for v in column(official_run, name).values() if v is not None]
        assert len(values) == official_run.counts[name].scored
        assert mean == math.fsum(values) / len(values)


@pytest.mark.weights
def test_scores_are_those_of_the_formula(official_run):
    profile = load_profile("raim2026-flash-portrait")
    assert official_run.scores == compose(profile, official_run.means)
    assert 30 < official_run.scores["total"] < 100


def test_pixels_of_each_region_are_recorded(gallery, run):
    for row in run.images:
        person = int((gallery.masks[row.id] >= 128).sum())
        size = gallery.masks[row.id].size
        assert row.pixels == {"image": size, "person": person, "background": size - person}


@pytest.mark.weights
def test_provenance_says_what_was_scored_with_what(gallery, official_run, trunk_weights):
    found = official_run.provenance
    for id_, entry in found["files"].items():
        data = (gallery.submission / f"{id_}.png").read_bytes()
        assert entry == {"file": f"{id_}.png", "sha256": hashlib.sha256(data).hexdigest()}
    assert list(found["files"]) == list(gallery.truth)
    assert found["weights"]["alex"]["sha256"] == trunk_weights("alex").sha256
    assert found["engine"] == gpu_metrics.__version__
    assert found["torch"] == torch.__version__
    assert found["decoders"] == [f"imgread {version('imgread')}"]
    assert found["cached"] == 0
    assert (found["device"], found["tf32"]) == ("cpu", "off")
    assert len(found["reference_sha256"]) == 64
    profile = load_profile("raim2026-flash-portrait")
    assert official_run.profile.digest == profile.digest


def test_a_perfect_submission_has_the_best_of_everything(gallery, pixel_profile):
    scorer = Scorer(pixel_profile, gallery.reference, device="cpu")
    run = scorer.score(gallery.reference / "gt", name="perfect")
    assert run.submission == "perfect"
    best = {"psnr_bg": 100, "psnr_person": 100, "mse_all": 0, "ssim_all": 1, "ssim_person": 1}
    assert run.means == best | {"delta_e_person": 0, "ciede_bg": 0}


@pytest.mark.weights
def test_nobody_anywhere_leaves_no_score(spoiled, write):
    for id_, mask in spoiled.masks.items():
        write(spoiled.reference / "mask" / f"{id_}.png", np.zeros_like(mask))
    run = Scorer("raim2026-flash-portrait", spoiled.reference, device="cpu").score(
        spoiled.submission
    )
    assert run.means["lpips_person"] is None and run.means["delta_e_person"] is None
    assert run.means["psnr_bg"] > 0
    assert run.scores["total"] is None and run.scores["weight_global"] is None
    assert run.scores["psnr_norm"] is not None
    assert len(run.warnings) == 2 * len(spoiled.truth)


def test_profiles_without_regions_need_no_masks(gallery, tmp_path):
    (tmp_path / "ref").symlink_to(gallery.reference / "gt")
    run = Scorer("infrared-sr2026", tmp_path, device="cpu").score(gallery.submission)
    assert run.counts["ssim"].scored == len(gallery.truth)
    assert run.images[0].pixels == {"image": 96 * 128}


def test_remarks_on_files_are_warnings(spoiled, pixel_profile):
    (spoiled.submission / "readme.txt").touch()
    run = Scorer(pixel_profile, spoiled.reference, device="cpu").score(spoiled.submission)
    assert run.warnings[0] == "readme.txt: passed over, not an image by its name"
    assert run.status == "complete"


def test_progress_counts_images(gallery, pixel_profile):
    scorer = Scorer(pixel_profile, gallery.reference, device="cpu")
    steps = []
    scorer.score(gallery.submission, on_progress=lambda *step: steps.append(step))
    assert steps == [*((done, 6) for done in range(1, 7)), (6, 6)]


@pytest.mark.weights
def test_vgg_and_the_spatial_map_are_profiles_too(gallery, make_profile):
    profile = make_profile(
        {"lpips_person": 'metric = "lpips", net = "vgg", mode = "map", region = "person"'}
    )
    run = Scorer(profile, gallery.reference, device="cpu").score(gallery.submission)
    values = column(run, "lpips_person")
    assert [id_ for id_, value in values.items() if value is None] == [NOBODY]
    assert list(run.provenance["weights"]) == ["vgg"]
    assert all(0 < values[id_] < 1 for id_ in defined(gallery, [NOBODY]))
