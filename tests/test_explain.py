import math

import pytest

from gpu_metrics.errors import InputError
from gpu_metrics.explain import explain
from gpu_metrics.profiles import load_profile, parse_profile, profile_names
from gpu_metrics.score import compose

OFFICIAL = load_profile("raim2026-flash-portrait")
# three terms near their worst, so that LPIPS stands more than 0.5 above the weighted mean
LOPSIDED = {"psnr_bg": 16.0, "ssim_global": 0.62, "delta_e_person": 38.0, "lpips_person": 0.03}


def small(total, *, metric="lpips", higher_is_better="true", typical=0.25):
    text = f"""
schema = 1
name = "small"
version = "1"
title = ""
source = ""
notes = ""
[images]
pairing = "stem"
extensions = [".png"]
decoding = "official"
[measures]
x = {{ metric = "{metric}" }}
[formula]
total = "{total}"
[ranking]
by = "total"
higher_is_better = {higher_is_better}
digits = 2
[typical]
x = {typical}
"""
    return parse_profile(text, where="small.toml")


@pytest.fixture(scope="module")
def lopsided():
    return explain(OFFICIAL, LOPSIDED)


def test_typical_point_of_the_official_profile_is_sound():
    explanation = explain(OFFICIAL)

    assert explanation.warnings == ()
    assert [s.effect for s in explanation.sensitivities] == ["better"] * 4
    assert explanation.at == OFFICIAL.typical
    assert set(explanation.values) == {*OFFICIAL.measures, *OFFICIAL.formula}
    assert any(
        remark.startswith("improving lpips_person from")
        and remark.endswith("all else at its worst plausible value")
        for remark in explanation.remarks
    )


@pytest.mark.parametrize("name", [name for name in profile_names() if name != OFFICIAL.name])
def test_every_shipped_profile_rewards_improvement_at_its_typical_point(name):
    explanation = explain(load_profile(name))
    unused = {s.measure for s in explanation.sensitivities if s.effect == "none"}
    assert explanation.warnings == ()
    assert {*explanation.remarks} == {f"{m} is measured and does not enter total" for m in unused}
    assert {s.effect for s in explanation.sensitivities if s.measure not in unused} == {"better"}


def test_official_score_falls_as_a_term_far_above_the_mean_improves(lopsided):
    effects = {s.measure: s.effect for s in lopsided.sensitivities}
    assert effects == {
        "psnr_bg": "better",
        "ssim_global": "better",
        "delta_e_person": "better",
        "lpips_person": "worse",
    }
    assert "improving lpips_person lowers total at lpips_person = 0.03" in lopsided.warnings
    lpips = lopsided.sensitivities[3]
    # a lower LPIPS is better, so a positive slope is the wrong way round
    assert lpips.slope > 0 > lpips.one_percent


def test_the_trap_opens_where_the_term_is_half_above_the_weighted_mean(lopsided):
    trap = next(t for t in lopsided.traps if t.measure == "lpips_person")
    assert (trap.others, trap.end) == ("as given", 0.0)

    values = compose(OFFICIAL, {**LOPSIDED, "lpips_person": trap.start})
    mean = (values["total"] - 30) / 70
    # the walk has steps of 0.008, which move this term by at most 1.2 * 0.008 / 0.15
    assert values["lpips_norm"] - mean == pytest.approx(0.5, abs=0.064)
    end = compose(OFFICIAL, {**LOPSIDED, "lpips_person": trap.end})["total"]
    assert trap.loss == pytest.approx(values["total"] - end, rel=1e-9)


def test_slopes_and_percents_agree_with_calculus():
    (s,) = explain(small("3 * exp(-2 * x)")).sensitivities
    # central differences with a relative step of 1e-5: 1e-10 of the third derivative
    assert s.slope == pytest.approx(-6 * math.exp(-0.5), rel=1e-8)
    assert s.one_percent == pytest.approx(3 * math.exp(-0.495) - 3 * math.exp(-0.5), rel=1e-12)
    assert (s.value, s.unit, s.higher_is_better, s.effect) == (0.25, "", False, "better")


@pytest.mark.parametrize(
    ("total", "higher_is_better", "effect"),
    [
        ("1 - x", "true", "better"),
        ("1 + x", "true", "worse"),
        ("1 + x", "false", "better"),
        ("1 - x", "false", "worse"),
        ("1 - clip(x, 0.3, 0.5)", "true", "none"),
        ("7", "true", "none"),
    ],
)
def test_effect_follows_the_direction_of_metric_and_ranking(total, higher_is_better, effect):
    (s,) = explain(small(total, higher_is_better=higher_is_better)).sensitivities
    assert s.effect == effect


def test_direction_of_a_metric_that_is_better_when_higher():
    (s,) = explain(small("2 * x", metric="ssim")).sensitivities
    assert (s.effect, s.slope, s.one_percent) == (
        "better",
        pytest.approx(2, rel=1e-9),
        pytest.approx(0.005, rel=1e-9),
    )


def test_clipped_measure_is_a_warning():
    explanation = explain(OFFICIAL, {"psnr_bg": 45.0})
    assert explanation.at == {**OFFICIAL.typical, "psnr_bg": 45.0}
    assert explanation.warnings == (
        "improving psnr_bg does not move total at psnr_bg = 45: clipped there",
    )


def test_the_edge_of_a_clip_looks_ahead_not_back():
    (s,) = explain(small("1 - clip(x, 0.25, 0.5)")).sensitivities
    assert s.effect == "none"


@pytest.mark.parametrize(("metric", "best"), [("lpips", 0.0), ("ssim", 1.0), ("mse", 0.0)])
def test_perfect_measures_have_nothing_to_improve(metric, best):
    (s,) = explain(small("x", metric=metric), {"x": best}).sensitivities
    assert (s.effect, s.one_percent) == ("best", 0)


def test_scan_finds_a_dip_away_from_the_point():
    (trap,) = (t for t in explain(small("(x - 0.5) ** 2")).traps if t.others == "as given")
    # improving from 0.8 towards 0 first goes down to the bottom at 0.5; steps are 0.008
    assert (trap.start, trap.end) == (0.8, pytest.approx(0.5, abs=0.008))
    assert trap.loss == pytest.approx(0.3**2, abs=0.008**2)


def test_scan_reports_values_without_a_score():
    explanation = explain(small("-log(x)"))
    assert explanation.warnings == (
        "total has no value at x = 0: small.toml, [formula] total: '-log(x)' has no value "
        "where x = 0: 'log(x)' is undefined for 0",
    )


def test_refuses_unknown_measures():
    with pytest.raises(InputError, match="at: unknown measure 'psnr'; .*did you mean 'psnr_bg'"):
        explain(OFFICIAL, {"psnr": 20.0})
