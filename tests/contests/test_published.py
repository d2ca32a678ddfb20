"""Composite scores of challenges, recomputed from the terms that their reports print."""

import pytest

from gpu_metrics.contests import load_contest
from gpu_metrics.profiles import load_profile
from gpu_metrics.ranking.entries import collect
from gpu_metrics.ranking.final import decide
from gpu_metrics.ranking.given import read_given
from gpu_metrics.score import compose

# NTIRE 2026 RAIM Track 2, arXiv 2604.09030, Table 1: PSNR, SSIM, LPIPS and score of each stage,
# then the final score
FUSION = {
    "WHU-VIP": ((27.059, 0.915, 0.089, 58.249), (27.556, 0.923, 0.080, 59.529), 58.889),
    "SHL": ((27.653, 0.920, 0.112, 57.110), (28.825, 0.928, 0.101, 58.958), 58.034),
    "nunucccb": ((26.839, 0.913, 0.111, 56.395), (27.011, 0.918, 0.099, 57.605), 57.000),
    "untrafusion": ((26.847, 0.908, 0.095, 57.333), (26.002, 0.907, 0.122, 54.733), 56.033),
    "I2_Group_Transsion": ((26.221, 0.904, 0.121, 54.853), (26.137, 0.909, 0.113, 55.619), 55.236),
    "miketjc": ((26.002, 0.907, 0.122, 54.733), (26.312, 0.909, 0.118, 55.343), 55.038),
}
STAGES = [(f"{team}-{stage}", row[stage - 1]) for team, row in FUSION.items() for stage in (1, 2)]

# NTIRE 2026 raindrop removal, arXiv 2604.10634: PSNR, SSIM, LPIPS and score of seven teams
RAINDROP = {
    "AIIA-Lab": (28.34, 0.827, 0.273, 35.24),
    "raingod": (28.28, 0.826, 0.264, 35.22),
    "BUU_CV": (28.15, 0.822, 0.267, 35.04),
    "RetinexDualV2": (27.24, 0.806, 0.289, 33.86),
    "ULR": (27.06, 0.797, 0.255, 33.75),
    "Cidaut AI": (25.84, 0.765, 0.309, 31.95),
    "BITssvgg": (25.14, 0.750, 0.338, 30.94),
}

# NTIRE 2026 RAIM Track 1, arXiv 2604.12512: phase 2, phase 3, final
PIQA = {
    "IH-VQA": (0.6943, 0.7667, 0.7305),
    "VCIP Pi Group": (0.6826, 0.7679, 0.7253),
    "I2 Group": (0.6490, 0.7590, 0.7040),
    "fugui": (0.6640, 0.7237, 0.6939),
    "LZ": (0.6149, 0.7497, 0.6823),
}


@pytest.mark.parametrize(("row", "terms"), STAGES, ids=[row for row, _ in STAGES])
def test_stages_of_the_fusion_track(row, terms):
    *printed, score = terms
    total = compose(
        load_profile("raim2026-fusion"), dict(zip(("psnr", "ssim", "lpips"), printed, strict=True))
    )["total"]
    # half a unit of the last digits: 45 x 0.0005 of SSIM, 75 x 0.0005 of LPIPS, and PSNR's
    assert total == pytest.approx(score, abs=45 * 5e-4 + 75 * 5e-4 + 0.6 * 5e-4 + 5e-4)


@pytest.mark.parametrize("team", RAINDROP)
def test_scores_of_the_raindrop_challenge(team):
    psnr, ssim, lpips, score = RAINDROP[team]
    terms = {"psnr_y": psnr, "ssim_y": ssim, "lpips": lpips}
    total = compose(load_profile("raindrop2026"), terms)["total"]
    # half a unit of PSNR and of the score, 10 x and 5 x half a unit of SSIM and LPIPS
    assert total == pytest.approx(score, abs=0.005 + 0.005 + 10 * 5e-4 + 5 * 5e-4)


def final_of(name, path, columns, rows):
    """The standing of a contest whose numbers are given, in a table worst first."""
    lines = [",".join(["team", *columns])]
    lines += [",".join([team, *map(str, numbers)]) for team, numbers in reversed(rows.items())]
    path.write_text("\n".join(lines), "utf-8")
    contest = load_contest(name)
    return decide(collect(contest, given=[read_given(path, columns)]))


def test_final_scores_of_the_fusion_track(tmp_path):
    stages = {team: (one[3], two[3]) for team, (one, two, _) in FUSION.items()}
    result = final_of("raim2026-fusion", tmp_path / "x.csv", ["stage1", "stage2"], stages)
    assert [finalist.team for finalist in result.finalists] == list(FUSION)
    for finalist in result.finalists:
        # the mean of two numbers with three digits has half a unit at most to round
        assert finalist.values["total"] == pytest.approx(FUSION[finalist.team][2], abs=5.01e-4)


def test_final_scores_of_the_piqa_track(tmp_path):
    phases = {team: row[:2] for team, row in PIQA.items()}
    result = final_of("raim2026-piqa", tmp_path / "x.csv", ["phase2", "phase3"], phases)
    assert [finalist.team for finalist in result.finalists] == list(PIQA)
    for finalist in result.finalists:
        assert finalist.values["total"] == pytest.approx(PIQA[finalist.team][2], abs=5.01e-5)
