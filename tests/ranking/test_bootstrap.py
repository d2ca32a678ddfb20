import numpy as np
import pytest
from scipy import stats

from gpu_metrics.errors import InputError
from gpu_metrics.profiles import load_profile
from gpu_metrics.ranking.bootstrap import Sample, resamples
from gpu_metrics.ranking.trust import percentile_level, trust
from gpu_metrics.score import score
from tests.test_score import SMALL, row

OFFICIAL = load_profile("raim2026-flash-portrait")


def official_rows(images, seed):
    """Rows as submissions have them, one image in ten without a person."""
    generator = np.random.Generator(np.random.PCG64(seed))
    level = generator.normal(0, 1, images)
    rows = []
    for index in range(images):
        person = index % 10 > 0
        values = {
            "psnr_bg": 28 + 3 * level[index] + generator.normal(),
            "ssim_global": 0.9 + 0.02 * level[index],
            "delta_e_person": 7 - level[index] + generator.normal() if person else None,
            "lpips_person": 0.03 * np.exp(-0.3 * level[index]) if person else None,
        }
        rows.append((f"{index:03}", values, {}))
    return rows


def small_rows(images, seed):
    generator = np.random.Generator(np.random.PCG64(seed))
    return [
        row(
            str(index),
            None if index == 3 else generator.uniform(0.01, 0.2),
            generator.uniform(0.5, 1),
            int(generator.integers(1, 10**6)),
        )
        for index in range(images)
    ]


def repeated(rows, counts):
    """The rows that a draw holds, each under an id of its own."""
    ordered = sorted(rows, key=lambda item: item[0])
    return [
        (f"{id_} {copy}", values, pixels)
        for (id_, values, pixels), count in zip(ordered, counts, strict=True)
        for copy in range(count)
    ]


@pytest.mark.parametrize(
    ("profile", "make"), [(OFFICIAL, official_rows), (SMALL, small_rows)], ids=["official", "small"]
)
def test_each_draw_is_the_score_of_the_images_it_drew(profile, make):
    teams = {f"team {seed}": make(20, seed) for seed in range(3)}
    counts = resamples(20, draws=5, seed=7)

    drawn = Sample(profile, teams).scores(np.vstack([counts, np.ones((1, 20), np.int64)]))

    for index, team in enumerate(teams):
        for draw in range(6):
            times = counts[draw] if draw < 5 else np.ones(20, np.int64)
            expected = score(profile, repeated(teams[team], times))
            for name, value in [*expected.means.values.items(), *expected.scores.items()]:
                # sums of twenty doubles in another order, and powers that amplify them
                assert drawn[name][draw, index] == pytest.approx(value, rel=1e-12)


def test_draws_without_a_scored_image_have_no_score():
    rows = [row("a", None, 0.9), row("b", 0.1, 0.8)]
    drawn = Sample(SMALL, {"x": rows}).scores(np.array([[2, 0], [1, 1]]))
    assert np.isnan(drawn["mse"]).tolist() == [[True], [False]]
    assert np.isnan(drawn["total"]).tolist() == [[True], [False]]
    assert not np.isnan(drawn["ssim"]).any()


def test_teams_share_their_draws():
    rows = official_rows(15, 1)
    shuffled = [rows[index] for index in np.random.Generator(np.random.PCG64(0)).permutation(15)]
    drawn = Sample(OFFICIAL, {"x": rows, "y": shuffled}).scores(resamples(15, draws=50))
    np.testing.assert_array_equal(drawn["total"][:, 0], drawn["total"][:, 1])


def test_a_seed_names_the_draws():
    assert (resamples(30, draws=10, seed=4) == resamples(30, draws=10, seed=4)).all()
    assert (resamples(30, draws=10, seed=4) != resamples(30, draws=10, seed=5)).any()
    assert (resamples(30, draws=10).sum(axis=1) == 30).all()


def test_intervals_of_a_mean_agree_with_scipy():
    generator = np.random.Generator(np.random.PCG64(3))
    data = generator.lognormal(-4, 0.6, 80)
    rows = [(f"{i:02}", {"mse": value}, {"image": 1}) for i, value in enumerate(data)]
    drawn = Sample(load_profile("clic2021"), {"x": rows}).scores(resamples(80, draws=20_000))
    found = trust(drawn["mse"], higher_is_better=False, items=80).intervals[0]

    expected = stats.bootstrap(
        (data,),
        np.mean,
        n_resamples=20_000,
        confidence_level=percentile_level(0.95, 80),
        method="percentile",
        rng=np.random.Generator(np.random.PCG64(9)),
    ).confidence_interval
    # both are quantiles of 20,000 random draws: their own noise is 0.02 standard errors, twice
    noise = 0.1 * data.std() / np.sqrt(80)
    np.testing.assert_allclose(found, expected, rtol=0, atol=noise)


REPEATS = 500


@pytest.mark.parametrize("images", [8, 30, 100])
def test_intervals_cover_the_truth_as_often_as_they_say(images):
    """500 repeats, laid side by side as teams that share the draws but not the images."""
    generator = np.random.Generator(np.random.PCG64(images))
    data = generator.normal(30, 4, (REPEATS, images))
    rows = {
        str(team): [
            (f"{index:03}", {"psnr_y": value, "ssim_y": value / 50, "lpips": 1 - value / 60}, {})
            for index, value in enumerate(values)
        ]
        for team, values in enumerate(data)
    }
    drawn = Sample(load_profile("raindrop2026"), rows).scores(resamples(images, draws=1000))
    found = trust(drawn["total"], higher_is_better=True, items=images)
    truth = 30 + 10 * 30 / 50 - 5 * (1 - 30 / 60)
    covered = sum(low <= truth <= high for low, high in found.intervals)
    # 95 % of 500 has a standard deviation of 4.9; 4,000 repeats gave 93.8, 94.4 and 95.1 %
    assert covered == pytest.approx(475, abs=4 * 4.9)


def test_equal_teams_are_rarely_told_apart_and_true_places_are_covered():
    """300 repeats of five teams, the third and fourth equal in truth, over paired images."""
    profile = load_profile("raindrop2026")
    truth = [31.0, 30.5, 30.0, 30.0, 29.0]
    apart, covered, ahead = 0, 0, 0
    for repeat in range(300):
        generator = np.random.Generator(np.random.PCG64(repeat))
        difficulty = generator.normal(0, 3, 40)
        rows = {
            str(team): [
                (f"{i:02}", {"psnr_y": v, "ssim_y": 0.0, "lpips": 0.0}, {})
                for i, v in enumerate(level + difficulty + generator.normal(0, 1.2, 40))
            ]
            for team, level in enumerate(truth)
        }
        drawn = Sample(profile, rows).scores(resamples(40, draws=400, seed=repeat))["total"]
        found = trust(drawn, higher_is_better=True, items=40)
        apart += not set(found.groups[2]) & set(found.groups[3])
        covered += all(low <= t + 1 <= high for t, (low, high) in enumerate(found.places))
        ahead += found.ahead[2] > 0.5
    # 5 % of 300 has a standard deviation of 3.8; equal teams lead each other half of the time
    assert apart == pytest.approx(15, abs=3 * 3.8)
    assert ahead == pytest.approx(150, abs=3 * 8.7)
    # all five at once, so at most 5 x 5 % may be missed; places are whole numbers and rarely are
    assert covered >= 0.90 * 300


def test_refuses_teams_with_other_images():
    rows = {"x": [row("a", 0.1, 0.9), row("b", 0.1, 0.9)], "y": [row("a", 0.1, 0.9)]}
    with pytest.raises(InputError, match="rows of 'y': expected the 2 images .*; 'b' is not"):
        Sample(SMALL, rows)


def test_refuses_malformed_rows():
    with pytest.raises(InputError, match="image 'a' comes twice"):
        Sample(SMALL, {"x": [row("a", 0.1, 0.9), row("a", 0.1, 0.9)]})


@pytest.mark.parametrize(("items", "draws"), [(1, 10), (0, 10), (5, 0)])
def test_refuses_a_bootstrap_of_nothing(items, draws):
    with pytest.raises(InputError, match="a bootstrap needs 2 items and 1 draw"):
        resamples(items, draws=draws)
