import json
from dataclasses import replace

import pytest

from gpu_metrics.errors import InputError
from gpu_metrics.profiles import load_profile, parse_profile
from gpu_metrics.results import Rejection
from gpu_metrics.verify.comparison import compare
from gpu_metrics.verify.findings import Pair, PixelChange
from tests.verify.conftest import IDS, PLAIN, hashes, run_of

# match and minor: total 0.01 and 0.1, PSNR 0.0055 and 0.055, SSIM 0.0001 and 0.001
ALL = dict.fromkeys(IDS)


def every(psnr=0.0, ssim=0.0):
    return dict.fromkeys(IDS, (psnr, ssim))


def test_equal_files_match_whatever_their_values(online, rerun):
    same = rerun(every(psnr=-5.0), provenance=online.provenance)
    found = compare(online, same, PLAIN)
    assert (found.verdict, found.reasons) == ("match", ("all 20 images have the same pixels",))
    assert found.identical == 20


def test_equal_pixels_match_though_files_differ(online, rerun):
    pixels = dict.fromkeys(IDS, PixelChange(0, 0.0, 0.0))
    found = compare(online, rerun({}), PLAIN, pixels=pixels)
    assert (found.verdict, found.identical) == ("match", 20)
    assert compare(online, rerun({}), PLAIN).identical == 0


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        (every(), "match", "total is the same"),
        (
            every(psnr=0.005),
            "match",
            "total is 0.005 higher (48 online, 48.005 reproduced), within 0.01",
        ),
        (
            every(psnr=-0.0055),
            "match",
            "total is 0.0055 lower (48 online, 47.9945 reproduced), within 0.01",
        ),
        (
            every(psnr=0.02),
            "minor",
            "total is 0.02 higher (48 online, 48.02 reproduced), within 0.1",
        ),
        (
            every(psnr=-0.055),
            "minor",
            "total is 0.055 lower (48 online, 47.945 reproduced), within 0.1",
        ),
        (
            every(psnr=-0.3),
            "deviates",
            "total is 0.3 lower (48 online, 47.7 reproduced), beyond 0.1",
        ),
    ],
)
def test_the_total_is_held_against_its_tolerances(online, rerun, changes, verdict, reason):
    found = compare(online, rerun(changes), PLAIN)
    assert (found.verdict, found.reasons[0]) == (verdict, reason)


def test_a_mean_may_deviate_where_the_total_does_not(online, rerun):
    # 20 times the change of SSIM makes up for that of PSNR
    found = compare(online, rerun(every(psnr=0.06, ssim=-0.003)), PLAIN)
    assert found.score.change == pytest.approx(0.0, abs=1e-12)
    assert found.verdict == "deviates"
    assert [reason.split()[0] for reason in found.reasons] == ["psnr", "ssim", "20"]


def test_single_images_that_stand_out_are_minor(online, rerun):
    found = compare(online, rerun({"007": (0.056, 0.0)}), PLAIN)
    assert found.verdict == "minor"
    assert found.reasons == ("1 of 20 images stand out: 007",)
    assert found.images[0].id == "007"
    assert found.images[0].excess == pytest.approx(0.056 / 0.055)


def test_images_that_balance_each_other_do_not_hide(online, rerun):
    changes = {id_: (0.5 if int(id_) % 2 else -0.5, 0.0) for id_ in IDS}
    found = compare(online, rerun(changes), PLAIN)
    assert found.score.change == pytest.approx(0.0, abs=1e-12)
    assert found.verdict == "deviates"
    assert found.reasons == ("20 of 20 images stand out: 001, 002, 003, 004, 005",)


def test_the_share_of_images_that_may_stand_out_is_the_profiles(online, rerun):
    text = PLAIN.text + "[verify]\nimages = 0.2\nscore = { match = 0, minor = 1 }\n"
    lenient = parse_profile(text, where="lenient.toml")
    changes = {id_: (0.06, 0.0) for id_ in IDS[:4]}
    # four images of 0.06 dB are three times the printed digit, and a fifth of all
    assert compare(online, rerun(changes), PLAIN).verdict == "deviates"
    assert compare(online, rerun(changes), lenient).verdict == "minor"


def test_no_tolerance_takes_no_difference(online, rerun):
    strict = parse_profile(
        PLAIN.text + "[verify]\nmeasures.psnr = { match = 0, minor = 0 }\n", where="strict.toml"
    )
    found = compare(online, rerun({"003": (1e-9, 0.0)}), strict)
    assert found.verdict == "deviates"
    assert found.images[0].excess is None and found.images[0].stands_out
    assert compare(online, rerun({}), strict).verdict == "match"


def test_the_worst_images_come_first(online, rerun):
    changes = {"004": (0.01, 0.0), "012": (0.0, -0.0009), "013": (-0.03, 0.0)}
    pixels = {"002": PixelChange(3, 0.1, 0.5), "020": PixelChange(9, 0.1, 0.5)}
    found = compare(online, rerun(changes), PLAIN, pixels=pixels)
    assert [image.id for image in found.images[:6]] == ["012", "013", "004", "020", "002", "001"]
    assert found.images[0].excess == pytest.approx(0.9)
    assert found.images[0].values["ssim"].change == pytest.approx(-0.0009)
    assert (found.images[3].identical, found.images[5].identical) == (False, None)


def test_values_that_only_one_run_has_deviate(online):
    values = {id_: (30.0, 0.9 if id_ != "002" else None) for id_ in IDS}
    found = compare(online, run_of(values), PLAIN)
    assert found.images[0].id == "002"
    assert found.images[0].excess is None and found.images[0].stands_out
    # files of equal hashes were scored differently, which is not the team's doing
    assert found.verdict == "match"
    files = {"files": hashes(*IDS, other="x"), "reference_sha256": "ab"}
    assert compare(online, run_of(values, provenance=files), PLAIN).verdict == "minor"


def test_a_measure_without_values_holds_nobody_up(rerun):
    values = {id_: (30.0, None) for id_ in IDS}
    profile = parse_profile(PLAIN.text.replace("psnr + 20 * ssim", "psnr"), where="psnr.toml")
    files = {"files": hashes(*IDS, other="x")}
    runs = run_of(values, profile), run_of(values, profile, provenance=files)
    found = compare(*runs, profile)
    assert (found.verdict, found.measures["ssim"]) == ("match", Pair(None, None))


def test_rejected_images_deviate_with_their_reasons(online, rerun):
    run = rerun({})
    partial = replace(
        run,
        status="partial",
        images=run.images[1:],
        rejected=(Rejection("001", "001.png", "empty file"),),
        scores=dict.fromkeys(run.scores),
    )
    found = compare(online, partial, PLAIN)
    assert (found.verdict, found.reasons) == ("deviates", ("001: rejected, empty file",))
    assert found.score == Pair(48.0, None)


def test_environments_are_compared_by_what_computed(online, rerun):
    other = {
        "torch": "2.15",
        "device": "H100",
        "reference_sha256": "ab",
        "kernels": {"ssim": ["kernel"], "lpips": ["twin"]},
        "weights": {"alex": {"sha256": "1", "source": "/b"}},
        "files": hashes(*IDS, other="x"),
        "readme": {"device": "cpu"},
    }
    first = online.provenance | {
        "kernels": {"ssim": ["twin"], "lpips": ["twin"]},
        "weights": {"alex": {"sha256": "1", "source": "/a"}},
    }
    found = compare(replace(online, provenance=first), rerun({}, provenance=other), PLAIN)
    assert found.environment == {
        "torch": ("2.9", "2.15"),
        "kernels.ssim": (["twin"], ["kernel"]),
        "device": (None, "H100"),
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"provenance": {"reference_sha256": "cd"}},
            "reproduced: scored against another reference set than the online run",
        ),
        ({"images": ()}, "reproduced: other images than in the online run, such as 001, 002"),
    ],
)
def test_runs_of_different_things_are_refused(online, rerun, change, message):
    with pytest.raises(InputError, match=message):
        compare(online, replace(rerun({}), **change), PLAIN)


def test_runs_by_other_rules_are_refused(online, rerun):
    other = load_profile("pbdl2024-low-light-raw")
    with pytest.raises(InputError, match=r"online: scored by infrared-sr2026 1.0 \(.*compared by"):
        compare(online, rerun({}), other)


def test_an_online_run_without_a_score_is_refused(online, rerun):
    unscored = replace(online, scores=dict.fromkeys(online.scores))
    with pytest.raises(InputError, match="online: team has no score that could be reproduced"):
        compare(unscored, rerun({}), PLAIN)


def test_json_holds_everything(online, rerun):
    pixels = {"007": PixelChange(3, 0.25, 0.5)}
    found = compare(online, rerun({"007": (-0.5, 0.0)}), PLAIN, pixels=pixels)
    record = json.loads(found.to_json())
    assert record["verdict"] == "minor"
    assert record["score"] == {"online": 48.0, "reproduced": pytest.approx(47.975)}
    assert record["images"][0]["pixels"] == {"largest": 3, "mean": 0.25, "changed": 0.5}
    assert len(record["images"]) == 20
