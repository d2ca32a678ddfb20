import math
from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from gpu_metrics.board.store import opened
from gpu_metrics.contests import JuryRules
from gpu_metrics.errors import InputError
from gpu_metrics.profiles import load_profile
from gpu_metrics.ranking.jury import drawn_picks, picks
from gpu_metrics.score import score
from gpu_metrics.study.worth.correlation import correlate
from gpu_metrics.study.worth.objective import Objective
from tests.board.conftest import make_run
from tests.study.juries import simulated_jury

PROFILE = load_profile("raindrop2026")
LEVELS = np.linspace(1.5, -1.5, 6)
RULES = JuryRules("picks", "uscore", 3, 30, (), "ballots", "share", "scaled")


def measured(jury, *, noise=0.3, seed=0, profile=PROFILE) -> Objective:
    """Metrics of a jury's teams: psnr_y and lpips follow strengths, ssim_y is against them."""
    draw = np.random.default_rng(seed)
    rows = {}
    for team, level in zip(jury.teams, LEVELS, strict=True):
        rows[team] = [
            (
                scene,
                {
                    "psnr_y": 30 + level + draw.normal(0, noise),
                    "ssim_y": 0.8 - level / 20 + draw.normal(0, noise / 20),
                    "lpips": None if scene == "003" else 0.3 - level / 20 + draw.normal(0, 0.01),
                },
                {"image": 100},
            )
            for scene in jury.scenes
        ]
    found = {team: score(profile, of_team) for team, of_team in rows.items()}
    values = {team: {**s.means.values, **s.scores} for team, s in found.items()}
    return Objective(profile, values, rows)


@pytest.fixture(scope="module")
def jury():
    return simulated_jury(LEVELS, scenes=30, of_scenes=0.5)


def by_name(found):
    return {metric.name: metric for metric in found.metrics}


def test_agrees_with_scipy_over_teams(jury):
    objective, counts = measured(jury), picks(jury, RULES)
    found = by_name(correlate(jury, counts, objective, draws=100))
    for name, sign in {"psnr_y": 1, "ssim_y": 1, "lpips": -1, PROFILE.ranking.by: 1}.items():
        means = [sign * objective.values[team][name] for team in jury.teams]
        rho, tau = spearmanr(means, counts), kendalltau(means, counts)
        metric = found[name]
        assert metric.teams == 6
        assert metric.spearman.value == pytest.approx(rho.statistic)
        assert metric.spearman.p_value == pytest.approx(rho.pvalue)
        assert metric.kendall.value == pytest.approx(tau.statistic)
        assert metric.kendall.p_value == pytest.approx(tau.pvalue)


def test_agrees_with_scipy_within_scenes(jury):
    objective = measured(jury)
    found = by_name(correlate(jury, picks(jury, RULES), objective, draws=100))
    share = jury.picked.mean(axis=0)
    table = {team: {id_: v for id_, v, _ in rows} for team, rows in objective.rows.items()}
    scenes = [scene for scene in jury.scenes if scene != "003"]
    for method, of in ((spearmanr, "within_spearman"), (kendalltau, "within_kendall")):
        values = []
        for scene in scenes:
            column = [-table[team][scene]["lpips"] for team in jury.teams]
            values.append(method(column, share[jury.scenes.index(scene)]).statistic)
        estimate = getattr(found["lpips"], of)
        assert estimate.value == pytest.approx(np.mean(values))
        low, high = estimate.interval
        # the bootstrap's interval of a mean is about two standard errors each way
        error = np.std(values, ddof=1) / math.sqrt(len(values))
        assert (high - low) / 2 == pytest.approx(2.05 * error, rel=0.25)
    assert found["lpips"].scenes == 29 and found["psnr_y"].scenes == 30


def test_the_metric_that_agrees_comes_first_whichever_way_it_points(jury):
    found = correlate(jury, picks(jury, RULES), measured(jury, noise=0.0), draws=50)
    metrics = by_name(found)
    assert metrics["psnr_y"].spearman.value == metrics["lpips"].spearman.value
    assert metrics["psnr_y"].spearman.value > 0.9 > -0.9 > metrics["ssim_y"].spearman.value
    assert found.metrics[-1].name == "ssim_y"
    assert metrics["psnr_y"].higher_is_better and not metrics["lpips"].higher_is_better
    values = [metric.spearman.value for metric in found.metrics]
    assert values == sorted(values, reverse=True)


def test_the_total_of_a_scene_is_the_formula_on_one_image(jury):
    objective = measured(jury)
    images, remark = objective.images(jury.teams, jury.scenes)
    _, values, _ = objective.rows["team b"][5]
    by = PROFILE.ranking.by
    expected = score(PROFILE, [("x", values, {"image": 1})]).scores[by]
    assert images[by][5, 1] == pytest.approx(expected)
    assert np.isnan(images[by][3]).all() and remark is None


def test_votes_drawn_anew_give_an_interval_over_teams(jury):
    drawn, items = drawn_picks(jury, RULES, draws=300)
    objective = measured(jury)
    counts = picks(jury, RULES)
    found = by_name(correlate(jury, counts, objective, drawn=drawn, items=items, draws=100))
    low, high = found["psnr_y"].spearman.interval
    means = [objective.values[team]["psnr_y"] for team in jury.teams]
    values = [spearmanr(means, row).statistic for row in drawn]
    assert np.min(values) <= low <= found["psnr_y"].spearman.value <= high <= np.max(values)
    assert np.mean((low <= np.array(values)) & (np.array(values) <= high)) >= 0.95


def test_relabelled_teams_change_nothing(jury):
    objective, counts = measured(jury), picks(jury, RULES)
    order = np.random.default_rng(1).permutation(6)
    other = type(jury)(
        jury.jurors,
        jury.scenes,
        tuple(jury.teams[i] for i in order),
        jury.shown[:, :, order],
        jury.picked[:, :, order],
    )
    found, again = (
        correlate(j, c, objective, draws=20) for j, c in ((jury, counts), (other, counts[order]))
    )
    for one, two in zip(found.metrics, again.metrics, strict=True):
        assert one.name == two.name
        assert one.spearman.value == pytest.approx(two.spearman.value)
        assert one.within_kendall.value == pytest.approx(two.within_kendall.value)


def test_who_and_what_is_missing_is_told(jury):
    whole = measured(jury)
    values = {team: v for team, v in whole.values.items() if team != "team f"}
    rows = {**whole.rows, "team a": [], "team b": whole.rows["team b"][:20]}
    found = correlate(jury, picks(jury, RULES), Objective(PROFILE, values, rows), draws=20)
    assert found.remarks == (
        "team f has no metrics",
        "team a has metrics of no scenes",
        "team b has metrics of 20 of 30 scenes",
    )
    assert by_name(found)["psnr_y"].teams == 5


def test_what_never_varies_has_no_correlation(jury):
    whole = measured(jury)
    values = {team: {**v, "psnr_y": 30.0} for team, v in whole.values.items()}
    rows = {t: [(i, {**v, "psnr_y": 30.0}, p) for i, v, p in r] for t, r in whole.rows.items()}
    found = correlate(jury, picks(jury, RULES), Objective(PROFILE, values, rows), draws=20)
    metric = found.metrics[-1]
    assert (metric.name, metric.spearman.value, metric.kendall.p_value) == ("psnr_y", None, None)
    assert metric.scenes == 0 and metric.within_spearman.value is None


def test_two_teams_are_too_few(jury):
    whole = measured(jury)
    two = {team: whole.values[team] for team in jury.teams[:2]}
    with pytest.raises(InputError, match="at least 3 teams that the jury saw, got 2"):
        correlate(jury, picks(jury, RULES), Objective(PROFILE, two, whole.rows))


def test_boards_and_run_records_say_the_same(tmp_path):
    runs = {team: make_run(30 - i, images=5) for i, team in enumerate("abc")}
    with opened(tmp_path / "b.sqlite", create=True) as board:
        for team, run in runs.items():
            at = datetime(2026, 3, 1, tzinfo=UTC)
            board.add(run, PROFILE, team=team, phase="phase3", at=at)
        of_board = Objective.of_board(board, "phase3")
    of_runs = Objective.of_runs(runs, PROFILE)
    assert of_board.values == of_runs.values
    assert {t: [*map(tuple, r)] for t, r in of_board.rows.items()} == of_runs.rows


def test_runs_by_other_rules_or_partial_ones_are_refused():
    with pytest.raises(InputError, match="expected the rules of clic2021"):
        Objective.of_runs({"a": make_run(30)}, load_profile("clic2021"))
    with pytest.raises(InputError, match="got a partial one"):
        Objective.of_runs({"a": make_run(30, partial=True)}, PROFILE)
