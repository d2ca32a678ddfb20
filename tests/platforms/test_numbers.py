import json
from dataclasses import replace

import pytest

from gpu_metrics.errors import EngineError, ReferenceSetError, SubmissionError
from gpu_metrics.platforms.numbers import numbers
from gpu_metrics.profiles import load_profile
from gpu_metrics.results import Count, ImageRow, ProfileStamp, Rejection, Run
from gpu_metrics.score import compose

OFFICIAL = load_profile("raim2026-flash-portrait")
NAMES = {
    "PSNR_bg": "psnr_bg",
    "SSIM_global": "ssim_global",
    "DeltaE_person": "delta_e_person",
    "LPIPS_person": "lpips_person",
}


def run_of(profile, means):
    """A record with those means, and one image that has them."""
    return Run(
        profile=ProfileStamp(profile.name, profile.version, profile.digest),
        submission="team",
        status="complete",
        scores=compose(profile, means),
        means=means,
        counts={name: Count(1, 0) for name in means},
        images=(ImageRow("001", means, {"image": 1}),),
    )


def test_official_keys_and_values_come_from_official_means(portraits):
    teams = json.loads((portraits / "golden.json").read_text())["teams"]
    assert len(teams) == 3
    for team in teams.values():
        means = {ours: team["means"][theirs] for theirs, ours in NAMES.items()}
        values = numbers(run_of(OFFICIAL, means), OFFICIAL)

        assert list(values) == [
            *("Score", "GlobalScore", *NAMES),
            *("Norm(PSNR_bg)", "SSIM_global_used", "Norm(DeltaE_person)", "Norm(LPIPS_person)"),
        ]
        assert values["Score"] == pytest.approx(team["Score"], abs=1e-9)
        assert values["GlobalScore"] == pytest.approx(team["GlobalScore"], abs=1e-12)
        assert {name: values[name] for name in NAMES} == team["means"]


def test_normalised_values_are_told_before_the_power():
    means = {"psnr_bg": 26.5, "ssim_global": 0.795, "delta_e_person": 50.0, "lpips_person": 0.05}
    values = numbers(run_of(OFFICIAL, means), OFFICIAL)
    normalised = [values[name] for name in values if "Norm" in name or name.endswith("_used")]
    # the power and its inverse are rounded
    assert normalised == pytest.approx([0.5, 0.5, 0.0, 2 / 3], rel=1e-14)


def test_outputs_without_a_value_are_left_out(plain):
    run = run_of(plain, {"psnr": 30.0, "ssim": 0.9})
    without = replace(run, means=run.means | {"ssim": None})
    assert list(numbers(run, plain)) == ["total", "psnr", "ssim"]
    assert list(numbers(without, plain)) == ["total", "psnr"]


def test_no_ranked_value_is_the_hosts_fault(plain):
    run = run_of(plain, {"psnr": 30.0, "ssim": None})
    with pytest.raises(ReferenceSetError, match="no image has a value of ssim, so none can score"):
        numbers(run, plain)


def test_rejected_images_leave_no_score(plain):
    run = run_of(plain, {"psnr": 30.0, "ssim": 0.9})
    rejected = (Rejection("002", "a/002.png", "empty file"), Rejection("003", "3.png", "damaged"))
    with pytest.raises(SubmissionError) as caught:
        numbers(replace(run, rejected=rejected), plain)
    assert caught.value.summary == "2 of 3 images rejected, so there is no score:"
    assert caught.value.problems == ("a/002.png: empty file", "3.png: damaged")


def test_numbers_that_no_column_holds_are_refused(plain):
    run = run_of(plain, {"psnr": 30.0, "ssim": 0.9})
    with pytest.raises(EngineError, match=r"psnr is -1e\+10, but platforms take less than 1e\+10"):
        numbers(replace(run, means=run.means | {"psnr": -1e10}), plain)
