import numpy as np
import pytest

from gpu_metrics.errors import InputError
from gpu_metrics.profiles import load_profile, parse_profile
from gpu_metrics.ranking.calibrate import calibrate
from gpu_metrics.ranking.constants import Free, constants, freed, parse_free
from gpu_metrics.ranking.published import read_published
from tests.contests.test_published import FUSION, RAINDROP
from tests.ranking.test_published_tables import TABLE_1, write_table

OFFICIAL = load_profile("raim2026-flash-portrait")
RAIN = load_profile("raindrop2026")
FUSION_STAGE = load_profile("raim2026-fusion")
SHARPNESS = "sharpness = raw_lpips.2 + raw_delta_e.2 + raw_global.2"
WEIGHTS = "raw_lpips.1, raw_delta_e.1, raw_global.1"


@pytest.fixture
def table_1(tmp_path):
    return read_published(write_table(tmp_path, TABLE_1), OFFICIAL)


@pytest.fixture
def raindrop(tmp_path):
    return read_published(raindrop_table(tmp_path, RAINDROP), RAIN)


def raindrop_table(folder, rows):
    lines = [
        f"{team},{psnr:.2f},{ssim:.3f},{lpips:.3f},{score:.2f}"
        for team, (psnr, ssim, lpips, score) in rows.items()
    ]
    return write_table(folder, "\n".join(["team,psnr_y,ssim_y,lpips,total", *lines]))


def test_table_1_has_two_rows_that_the_released_formula_does_not_explain(table_1):
    found = calibrate(OFFICIAL, table_1)
    assert {row.team: row.fits for row in found.rows} == {
        "nunucccb": True,
        "SHL": True,
        "hezhaokun": False,
        "KC110": False,
        "NJUST-KMG": True,
        "zte_cv": True,
    }
    # printed with two digits, over terms whose digits move the score by 0.012
    assert all(0.017 < row.rounding < 0.018 for row in found.rows)
    assert found.remarks() == ["the released constants explain 4 of 6 complete rows"]
    assert found.incomplete == ("nanbei", "kiritobryant")


@pytest.mark.parametrize("free", [WEIGHTS, "total.1", "total.1, total.2", SHARPNESS])
def test_no_other_constants_explain_the_two_rows_with_the_four(table_1, free):
    found = calibrate(OFFICIAL, table_1, parse_free(OFFICIAL, free))
    assert found.used == ("nunucccb", "SHL", "NJUST-KMG", "zte_cv")
    assert [row.fits_fitted for row in found.rows] == [row.fits for row in found.rows]


@pytest.mark.parametrize(
    ("free", "released", "half_width"),
    [("total.1", 30, 0.006), ("total.2", 70, 0.008), (SHARPNESS, 2, 0.05)],
)
def test_a_single_constant_of_table_1_is_what_was_released(table_1, free, released, half_width):
    (estimate,) = calibrate(OFFICIAL, table_1, parse_free(OFFICIAL, free)).estimates
    assert estimate.identified
    assert estimate.low <= released <= estimate.high
    assert estimate.high - estimate.low < 2 * half_width


def test_weights_that_are_normalised_cannot_be_known(table_1):
    found = calibrate(OFFICIAL, table_1, parse_free(OFFICIAL, WEIGHTS))
    assert found.rank == 2
    assert not any(estimate.identified for estimate in found.estimates)
    assert found.remarks()[2:] == [
        "4 rows know 2 combinations of 3 constants",
        f"not identifiable from this table: {WEIGHTS}",
    ]


def test_six_constants_cannot_be_known_from_six_rows(table_1):
    free = parse_free(OFFICIAL, f"total.1, total.2, {WEIGHTS}, {SHARPNESS}")
    found = calibrate(OFFICIAL, table_1, free)
    assert found.rank == 4
    assert not any(estimate.identified for estimate in found.estimates)
    assert "no row is left to test the fit by" in found.remarks()


def test_the_raindrop_constants_are_ten_and_five(raindrop):
    found = calibrate(RAIN, raindrop, parse_free(RAIN, "ssim = total.1, lpips = total.2"))
    assert len(found.used) == 7
    ssim, lpips = found.estimates
    assert ssim.low < 10 < ssim.high and lpips.low < 5 < lpips.high
    assert ssim.high - ssim.low < 1


def test_what_the_raindrop_report_prints_explains_nothing(raindrop, tmp_path):
    """The report says 10 PSNR, and its own table says 1 PSNR."""
    printed = changed(RAIN, 'total = "psnr_y', 'total = "10 * psnr_y')
    found = calibrate(printed, raindrop)
    assert not any(row.fits for row in found.rows)
    (estimate,) = calibrate(printed, raindrop, parse_free(printed, "total.1")).estimates
    assert (estimate.low, estimate.high) == pytest.approx((1, 1), abs=2e-3)


def changed(profile, old, new):
    assert old in profile.text
    return parse_profile(profile.text.replace(old, new), where="changed.toml")


def test_all_stages_of_the_fusion_track_are_explained(tmp_path):
    lines = ["stage,psnr,ssim,lpips,total"]
    for team, stages in FUSION.items():
        for number, stage in enumerate(stages[:2], start=1):
            lines.append(f"{team} {number},{','.join(f'{value:.3f}' for value in stage)}")
    table = read_published(write_table(tmp_path, "\n".join(lines)), FUSION_STAGE)
    assert all(row.fits for row in calibrate(FUSION_STAGE, table).rows)


def test_a_linear_formula_has_the_constants_of_weighted_least_squares(raindrop):
    found = calibrate(RAIN, raindrop, parse_free(RAIN, "total.1, total.2"))
    psnr, ssim, lpips = (raindrop.terms[name] for name in ("psnr_y", "ssim_y", "lpips"))
    # half units of score, PSNR, SSIM times 10 and LPIPS times 5
    deviation = np.sqrt((0.005**2 + 0.005**2 + 0.005**2 + 0.0025**2) / 3)
    design = np.stack([ssim, -lpips], axis=1)
    expected, *_ = np.linalg.lstsq(design, raindrop.score - psnr)
    spread = 1.959964 * deviation * np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    for estimate, value, half in zip(found.estimates, expected, spread, strict=True):
        assert estimate.fitted == pytest.approx(value, rel=1e-6)
        # all rows weigh alike here, so a profile likelihood is the normal interval
        assert (estimate.low, estimate.high) == pytest.approx(
            (value - half, value + half), rel=1e-5
        )


def test_intervals_hold_the_true_constants_as_often_as_they_say(tmp_path, as_called):
    """40 tables of seven rows, drawn like the published one and rounded like it."""
    free, held = parse_free(RAIN, "total.1, total.2"), [0, 0]
    for repeat in range(40):
        generator = np.random.Generator(np.random.PCG64(repeat))
        terms = generator.uniform([25, 0.75, 0.25], [28.5, 0.83, 0.34], (7, 3))
        scores = terms @ [1, 10, -5]
        rows = {f"{i}": (*t, s) for i, (t, s) in enumerate(zip(terms, scores, strict=True))}
        table = read_published(raindrop_table(tmp_path, rows), RAIN)
        for index, (estimate, truth) in enumerate(
            zip(calibrate(RAIN, table, free).estimates, (10, 5), strict=True)
        ):
            held[index] += estimate.low <= truth <= estimate.high
    # 95 % of 40 has a standard deviation of 1.4
    assert all(count >= 38 - 3 * 1.4 for count in held)


def test_an_outlier_is_found_among_many_rows(tmp_path):
    rows = {**RAINDROP, "wrong": (27.00, 0.800, 0.300, 33.10)}
    table = read_published(raindrop_table(tmp_path, rows), RAIN)
    found = calibrate(RAIN, table, parse_free(RAIN, "total.1"))
    assert "wrong" not in found.used and len(found.used) == 7


def test_constants_are_named_by_their_places():
    found = constants(OFFICIAL)
    assert (found["total.1"], found["total.2"], found["lpips_norm.1"]) == (30, 70, 0.15)
    assert (found["raw_lpips.1"], found["raw_lpips.2"], found["raw_lpips.3"]) == (0.3, 2, 1)


def test_free_constants_are_read():
    assert parse_free(OFFICIAL, "total.2, base = raw_lpips.1 + raw_delta_e.1") == [
        Free("total.2", ("total.2",), 70.0),
        Free("base", ("raw_lpips.1", "raw_delta_e.1"), 0.3),
    ]
    piqa = load_profile("raim2026-piqa-phase2")
    assert parse_free(piqa, "w_bleu4")[0].places == ("w_bleu4.1",)
    assert parse_free(piqa, "") == []


def test_names_take_the_place_of_numbers():
    formula = freed(OFFICIAL, parse_free(OFFICIAL, "total.1, base = raw_lpips.1 + raw_delta_e.1"))
    assert formula["raw_lpips"].text == "C2 * exp(2 * (1 - lpips_norm))"
    assert formula["total"].text.startswith("C1 + 70 * (weight_lpips")
    assert formula["lpips_norm"] == OFFICIAL.formula["lpips_norm"]


@pytest.mark.parametrize(
    ("free", "message"),
    [
        ("totl.1", "no constant stands at 'totl.1'; .*did you mean 'total.1'"),
        ("total", "no constant stands at 'total'"),
        ("total.3", "no constant stands at 'total.3'"),
        ("raw_lpips.1+raw_global.1", "one constant cannot have several values: .*0.3, .*0.4"),
        ("total.1, total.1", "the name 'total.1' comes twice"),
        ("a = total.1, b = total.1", "the place 'total.1' comes twice"),
    ],
)
def test_refuses_what_is_no_constant(free, message):
    with pytest.raises(InputError, match=f"^free: {message}"):
        parse_free(OFFICIAL, free)


def test_a_table_needs_a_complete_row(tmp_path):
    table = read_published(write_table(tmp_path, TABLE_1.splitlines()[0]), OFFICIAL)
    with pytest.raises(InputError, match="no complete row"):
        calibrate(OFFICIAL, table)
