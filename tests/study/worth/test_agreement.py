import krippendorff
import numpy as np
import pytest

from gpu_metrics.study.tally import jury_of
from gpu_metrics.study.worth.agreement import agreement
from gpu_metrics.study.worth.influence import without
from tests.study.juries import simulated_jury
from tests.study.votes import renamed, simulated_votes, vote

LEVELS = np.linspace(1.5, -1.5, 7)


def oracle(shown, picked):
    """The package's alpha over units of any shape; None where it has none."""
    table = np.where(shown, picked, np.nan).reshape(len(shown), -1)
    paired = (~np.isnan(table)).sum(axis=0) > 1
    if len({*table[:, paired][~np.isnan(table[:, paired])]}) < 2:
        return None
    return krippendorff.alpha(reliability_data=table, level_of_measurement="nominal")


JURIES = [
    pytest.param(jury_of(simulated_votes(LEVELS, scenes=9, seed=1)), id="all-shown"),
    pytest.param(jury_of(simulated_votes(LEVELS, scenes=9, hidden=3, seed=2)), id="some-hidden"),
    pytest.param(jury_of(simulated_votes(LEVELS, scenes=9, seed=3)[:-20]), id="unfinished"),
    pytest.param(jury_of(simulated_votes(LEVELS, jurors=2, hidden=4, best=2)), id="two-jurors"),
    pytest.param(simulated_jury(LEVELS, scenes=6, of_jurors=1.0), id="tastes"),
]


@pytest.mark.parametrize("jury", JURIES)
def test_agrees_with_krippendorff(jury):
    found = agreement(jury, draws=0)
    assert found.alpha == pytest.approx(oracle(jury.shown, jury.picked), abs=1e-12)
    for index, scene in enumerate(jury.scenes):
        expected = oracle(jury.shown[:, index], jury.picked[:, index])
        assert found.by_scene[scene] == (expected and pytest.approx(expected, abs=1e-12))
    for index, juror in enumerate(jury.jurors):
        left = without(jury, index)
        expected = oracle(left.shown, left.picked)
        assert found.without[juror] == (expected and pytest.approx(expected, abs=1e-12))


def test_the_same_picks_are_1_and_known_answers_hold():
    same = jury_of([vote(j, s, "abcd", "ab") for j in "xyz" for s in "12"])
    assert agreement(same, draws=0).alpha == 1
    # two jurors, 3 of 12, none in common: 6 of 24 units' pairs apart, chance 2 * 6 * 18 / 23 / 24
    never = jury_of([vote("x", "1", "abcdefghijkl", "abc"), vote("y", "1", "abcdefghijkl", "def")])
    assert agreement(never, draws=0).alpha == pytest.approx(1 - 23 * 6 / (6 * 18))
    assert agreement(never, draws=0).alpha == pytest.approx(-0.28, abs=0.005)


def test_picks_at_random_are_0_within_a_scene_and_over_all():
    # the mean is 1 / votes: 1 / 60 in a scene of 5 jurors and 12 teams, 1 / 120,000 over 2,000
    found = agreement(simulated_jury(np.zeros(12), jurors=5, scenes=2000), draws=0)
    of_scenes = list(found.by_scene.values())
    assert np.mean(of_scenes) == pytest.approx(1 / 60, abs=4 * np.std(of_scenes) / 2000**0.5)
    assert found.alpha == pytest.approx(0, abs=0.01)


def test_nothing_to_compare_has_no_alpha():
    alone = agreement(jury_of([vote("x", s, "abc", "a") for s in "12"]))
    assert alone.alpha is None and alone.interval is None
    assert alone.by_scene == {"1": None, "2": None} and alone.without == {"x": None}
    everything = agreement(jury_of([vote(j, "1", "ab", "ab") for j in "xy"]))
    assert everything.alpha is None


def test_a_juror_who_disagrees_stands_out():
    votes = [vote(j, str(s), "abcdef", "ab") for j in "xyz" for s in range(8)]
    votes += [vote("odd", str(s), "abcdef", "ef") for s in range(8)]
    found = agreement(jury_of(votes), draws=0)
    assert found.without["odd"] == 1
    assert all(found.without[juror] < found.alpha for juror in "xyz")


def test_the_interval_covers_the_alpha_of_many_scenes():
    truth = agreement(simulated_jury(LEVELS, scenes=4000, of_scenes=1, seed=99), draws=0).alpha
    inside = 0
    for seed in range(40):
        low, high = agreement(
            simulated_jury(LEVELS, scenes=40, of_scenes=1, seed=seed), draws=400
        ).interval
        inside += low <= truth <= high
    # 95 % of 40 is 38, within three standard deviations of 1.4
    assert inside >= 34


def test_relabelling_changes_nothing():
    votes = simulated_votes(LEVELS, scenes=6, hidden=2)
    found, again = (agreement(jury_of(v), draws=50) for v in (votes, renamed(votes)))
    assert again.alpha == pytest.approx(found.alpha)
    assert again.interval == pytest.approx(found.interval)
    assert [*again.without.values()][::-1] == pytest.approx([*found.without.values()])
