import json

import pytest

from gpu_metrics import bench, demo
from gpu_metrics.bench import OFFICIAL
from gpu_metrics.demo import DemoSet
from gpu_metrics.engine import Scorer
from gpu_metrics.errors import InputError

PLAIN = ("--profile", "infrared-sr2026", "--device", "cpu", "--rounds", "2")
OFFICIALLY = ("--device", "cpu", "--rounds", "2", "--official-images", "2")
NOT_TIMED = f"the organisers' procedure was not timed: it takes folders, by {OFFICIAL}"


def options(gallery):
    return (gallery.submission, "--reference", gallery.reference)


def test_timings_and_stages_are_shown_and_written(gallery, run_cli, tmp_path):
    outcome = run_cli("bench", *options(gallery), *PLAIN, "-o", tmp_path / "bench.json")
    assert outcome.code == 0 and NOT_TIMED in outcome.err
    assert "infrared-sr2026: 6 images" in outcome.out and "decode" in outcome.out
    found = json.loads((tmp_path / "bench.json").read_text())
    assert (found["profile"], found["images"], found["times_as_fast"]) == (PLAIN[1], 6, None)
    first, warm = found["timings"]
    assert (len(first["seconds_per_image"]), len(warm["seconds_per_image"])) == (1, 2)
    assert found["medians"] == {
        "ours, first submission": first["seconds_per_image"][0],
        "ours, warm": pytest.approx(sum(warm["seconds_per_image"]) / 2, rel=1e-12),
    }
    assert {"read and hash", "decode"} < {stage["name"] for stage in found["stages"]}
    assert sum(stage["share"] for stage in found["stages"]) == pytest.approx(1)
    assert {"device", "cores", "torch", "imgread"} < found["machine"].keys()


@pytest.mark.weights
def test_the_official_procedure_is_timed_where_it_has_values(gallery, run_cli, tmp_path):
    outcome = run_cli("bench", *options(gallery), *OFFICIALLY, "-o", tmp_path / "bench.json")
    assert outcome.code == 0 and outcome.err == ""
    found = json.loads((tmp_path / "bench.json").read_text())
    official = found["timings"][-1]
    # 002 shows nobody and the person of 003 is too small: 001 and 004
    assert (official["name"], official["images"]) == ("official procedure", 2)
    medians = found["medians"]
    assert found["times_as_fast"] == medians["official procedure"] / medians["ours, warm"]
    assert f"{found['times_as_fast']:.1f} times as fast as the official procedure" in outcome.out


@pytest.mark.weights
def test_without_files_of_ground_truth_the_official_procedure_is_left_out(
    gallery, run_cli, tmp_path
):
    pack = tmp_path / "ref.pack"
    assert run_cli("pack", gallery.reference, "-o", pack).code == 0
    outcome = run_cli("bench", gallery.submission, "--reference", pack, *OFFICIALLY)
    assert outcome.code == 0 and NOT_TIMED in outcome.err
    assert "ours, warm" in outcome.out and "official procedure" not in outcome.out


@pytest.mark.weights
def test_no_time_counts_where_answers_differ(gallery, run_cli, monkeypatch):
    def wrong(*arguments):
        return {"psnr_bg": 1.0, "ssim_global": 1.0, "delta_e_person": 1.0, "lpips_person": 1.0}

    monkeypatch.setattr(bench, "official_scores", wrong)
    outcome = run_cli("bench", *options(gallery), *OFFICIALLY)
    assert (outcome.code, outcome.out) == (4, "")
    assert "error: 001: psnr_bg is " in outcome.err and "the organisers' is 1.0" in outcome.err


def test_the_demo_set_is_the_default(gallery, run_cli, monkeypatch, tmp_path):
    def build(folder, *, groups, on_progress):
        assert (folder, groups) == (tmp_path, 6)
        return DemoSet(
            gallery.reference, folder, {"gain-denoise": gallery.submission}, groups, seed=0
        )

    monkeypatch.setattr(demo, "build_demo", build)
    outcome = run_cli("bench", "--folder", tmp_path, *PLAIN)
    assert outcome.code == 0 and "6 images" in outcome.out


def test_a_submission_needs_its_reference(gallery, run_cli):
    for half in ((gallery.submission,), ("--reference", gallery.reference)):
        outcome = run_cli("bench", *half, *PLAIN)
        assert (outcome.code, outcome.out) == (2, "")
        assert "expected SUBMISSION with --reference, or neither for the demo set" in outcome.err


def test_an_image_that_cannot_be_scored_is_told(spoiled, run_cli):
    (spoiled.submission / "004.png").write_bytes(b"")
    outcome = run_cli("bench", *options(spoiled), *PLAIN)
    assert (outcome.code, outcome.out) == (2, "")
    assert "004.png: " in outcome.err


@pytest.mark.parametrize("counts", [{"rounds": 0}, {"official_images": -1}])
def test_counts_have_limits(gallery, pixel_profile, counts):
    scorer = Scorer(pixel_profile, gallery.reference, device="cpu")
    with pytest.raises(InputError, match="expected 1 or more rounds and 0 or more"):
        bench.bench(scorer, gallery.submission, **counts)
