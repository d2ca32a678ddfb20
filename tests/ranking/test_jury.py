from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_metrics.contests import load_contest
from gpu_metrics.errors import InputError
from gpu_metrics.ranking.jury import Jury, drawn_picks, most_picks, picks
from tests.study.juries import simulated_jury

RULES = load_contest("raim2026-flash-portrait").jury
TEAMS = "abcd"
# counts are rounded to ten digits behind the point
ROUNDED = 5e-11


def rules(best=2, **changes):
    return replace(RULES, best=best, **changes)


def jury(*ballots, tied=None):
    """Votes on four teams from (juror, scene, picks); `tied` has the teams a juror does not see."""
    jurors, scenes = sorted({j for j, _, _ in ballots}), sorted({s for _, s, _ in ballots})
    shown = np.zeros((len(jurors), len(scenes), len(TEAMS)), bool)
    picked = shown.copy()
    for juror, scene, chosen in ballots:
        at = jurors.index(juror), scenes.index(scene)
        shown[at] = [team not in (tied or {}).get(juror, "") for team in TEAMS]
        picked[at] = [team in chosen for team in TEAMS]
    return Jury(tuple(jurors), tuple(scenes), tuple(TEAMS), shown, picked)


THREE = jury(
    ("x", "1", "ab"),
    ("y", "1", "ab"),
    ("z", "1", "ac"),
    ("x", "2", "ab"),
    ("y", "2", "bc"),
    ("z", "2", "cd"),
)


def test_every_pick_of_every_ballot_counts():
    assert picks(THREE, rules()).tolist() == [4, 4, 3, 1]
    assert most_picks(THREE, rules()) == 6


@pytest.mark.parametrize(
    ("ties", "expected"),
    # scene 1: a has 3, b has 2; scene 2: b and c have 2, which fills the places
    [("share", [1, 2, 1, 0]), ("all", [1, 2, 1, 0]), ("none", [1, 2, 1, 0])],
)
def test_a_majority_counts_the_best_of_each_scene(ties, expected):
    majority = rules(pooling="scenes", ties=ties)
    assert picks(THREE, majority).tolist() == expected
    assert most_picks(THREE, majority) == 2


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        ("share", [1, 1 / 3, 1 / 3, 1 / 3]),
        ("all", [1, 1, 1, 1]),
        ("none", [1, 0, 0, 0]),
    ],
)
def test_teams_that_are_equal_across_the_last_place(ties, expected):
    """a has 3 picks, the others 1 each, and one place is left."""
    found = picks(
        jury(("x", "1", "ab"), ("y", "1", "ac"), ("z", "1", "ad")),
        rules(pooling="scenes", ties=ties),
    )
    assert found.tolist() == pytest.approx(expected, abs=ROUNDED)


def test_nobody_picked_is_nobodys_best():
    one = jury(("x", "1", "ab"))
    for ties in ("share", "all", "none"):
        found = picks(one, rules(best=3, pooling="scenes", ties=ties))
        assert found.tolist() == [1, 1, 0, 0]


def test_picks_of_a_team_kept_from_a_juror_are_scaled_scene_by_scene():
    """a is on two of three ballots of scene 1, and on one of two of scene 2."""
    some = jury(
        ("x", "1", "bc"),
        ("y", "1", "ab"),
        ("z", "1", "ab"),
        ("x", "2", "bc"),
        ("y", "2", "ac"),
        tied={"x": "a"},
    )
    assert picks(some, rules()).tolist() == [3 + 2, 4, 3, 0]
    assert picks(some, rules(unseen="ignored")).tolist() == [3, 4, 3, 0]


def test_equal_picks_are_equal_counts_however_they_add_up():
    """z sees c and d alone: b has 3 of 5 ballots once, a has 1 of 5 three times, both 3.6 of 6."""
    votes = [("z", scene, "cd") for scene in "123"]
    votes += [(juror, "1", "bc") for juror in "vwx"] + [("u", "1", "ac"), ("t", "1", "cd")]
    votes += [(juror, scene, "cd") for juror in "tvwx" for scene in "23"]
    votes += [("u", scene, "ac") for scene in "23"]
    found = picks(jury(*votes, tied={"z": "ab"}), rules())
    assert found[0] == found[1] == 3.6


def test_a_scene_where_nobody_saw_a_team_has_its_mean():
    some = jury(
        ("x", "1", "bc"),
        ("y", "2", "ab"),
        ("y", "3", "bc"),
        tied={"x": "a"},
    )
    assert picks(some, rules()).tolist() == [0.5 + 1, 3, 2, 0]
    nobody = jury(("x", "1", "bc"), tied={"x": "a"})
    assert np.isnan(picks(nobody, rules())[0])


def test_a_majority_compares_shares_of_those_who_saw_a_team():
    some = jury(("x", "1", "bc"), ("y", "1", "ac"), ("z", "1", "bc"), tied={"x": "a", "z": "a"})
    assert picks(some, rules(pooling="scenes")).tolist() == [1, 0, 1, 0]
    assert picks(some, rules(pooling="scenes", unseen="ignored")).tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("pooling", ["ballots", "scenes"])
@pytest.mark.parametrize("weight", [1, 3, 0.25])
def test_equal_weights_give_the_count(pooling, weight):
    some, counted = simulated_jury(np.zeros(5), jurors=4, scenes=7), rules(3, pooling=pooling)
    whole = picks(some, counted)
    jurors, scenes = np.full((2, 4), weight), np.full((2, 7), weight)
    for weights in ({"jurors": jurors}, {"scenes": scenes}, {"jurors": jurors, "scenes": scenes}):
        found = picks(some, counted, **weights)
        assert found.shape == (2, 5)
        # sums of seven scenes in another order
        np.testing.assert_allclose(found, [whole] * 2, rtol=1e-14)


def test_weights_of_nothing_leave_out():
    without_z = jury(*[(j, s, p) for j, s, p in BALLOTS if j != "z"])
    found = picks(THREE, rules(), jurors=np.array([[1, 1, 0]]))[0]
    np.testing.assert_allclose(found, picks(without_z, rules()) * 3 / 2, rtol=1e-15)
    first = jury(*[(j, s, p) for j, s, p in BALLOTS if s == "1"])
    found = picks(THREE, rules(), scenes=np.array([[1, 0]]))[0]
    np.testing.assert_allclose(found, picks(first, rules()) * 2, rtol=1e-15)


BALLOTS = [
    (juror, scene, [t for t, p in zip(TEAMS, THREE.picked[i, j], strict=True) if p])
    for i, juror in enumerate(THREE.jurors)
    for j, scene in enumerate(THREE.scenes)
]


def test_many_draws_are_those_of_each_alone():
    some = simulated_jury(np.zeros(5), jurors=4, scenes=7)
    draw = np.random.default_rng(0)
    jurors, scenes = draw.integers(1, 4, (600, 4)), draw.integers(1, 4, (600, 7))
    whole = picks(some, rules(3), jurors=jurors, scenes=scenes)
    for index in (0, 255, 256, 599):
        alone = picks(some, rules(3), jurors=jurors[[index]], scenes=scenes[[index]])[0]
        np.testing.assert_allclose(whole[index], alone, rtol=1e-13)


SEEDS = st.integers(0, 2**32 - 1)


def gappy(seed):
    """A jury in which ballots and teams on them may be missing."""
    random = np.random.default_rng(seed)
    shape = random.integers(1, 5), random.integers(1, 5), random.integers(2, 6)
    shown = (random.random(shape) < 0.8) & (random.random(shape[:2]) < 0.8)[..., None]
    picked = shown & (random.random(shape) < 0.5)
    names = (tuple(map(str, range(side))) for side in shape)
    return Jury(*names, shown, picked)


@settings(max_examples=60)
@given(seed=SEEDS)
def test_scaling_leaves_alone_what_all_saw(seed):
    some = gappy(seed)
    everybody = replace(some, shown=np.broadcast_to(some.cast[..., None], some.shown.shape))
    for pooling in ("ballots", "scenes"):
        found = [
            picks(everybody, rules(pooling=pooling, unseen=unseen))
            for unseen in ("scaled", "ignored")
        ]
        np.testing.assert_array_equal(*found)


@settings(max_examples=60)
@given(seed=SEEDS)
def test_scaled_picks_are_no_fewer_and_at_most_all(seed):
    some = gappy(seed)
    if not some.cast.any():
        return
    raw = picks(some, rules(unseen="ignored"))
    scaled = picks(some, rules())
    seen = ~np.isnan(scaled)
    # a quotient and a product each round
    assert (scaled[seen] >= raw[seen] * (1 - 1e-12)).all()
    assert (scaled[seen] <= most_picks(some, rules()) * (1 + 1e-12)).all()
    np.testing.assert_allclose(raw, some.picked.sum(axis=(0, 1)), rtol=1e-12)


@settings(max_examples=60)
@given(seed=SEEDS)
def test_a_majority_that_shares_gives_every_place_once(seed):
    some = gappy(seed)
    all_saw = replace(some, shown=np.broadcast_to(some.cast[..., None], some.shown.shape))
    found = picks(all_saw, rules(pooling="scenes"))
    # places stay empty where fewer teams were picked at all
    places = np.minimum(all_saw.picked.any(axis=0).sum(axis=1), 2).sum()
    if some.cast.any():
        assert found.sum() == pytest.approx(places, abs=4 * ROUNDED)


def test_jurors_who_agree_in_taste_deviate_by_scenes_alone():
    """Without tastes the spread is that of scenes; with them it is much more."""
    strengths = np.linspace(1, -1, 8)
    same = simulated_jury(strengths, jurors=8, of_jurors=0.0, seed=1)
    differ = simulated_jury(strengths, jurors=8, of_jurors=1.0, seed=1)

    def ratio(some):
        scenes = np.random.default_rng(0).multinomial(50, np.full(50, 1 / 50), size=2000)
        alone = picks(some, RULES, scenes=scenes).var(axis=0).sum()
        return drawn_picks(some, RULES, draws=2000)[0].var(axis=0).sum() / alone

    assert 0.9 < ratio(same) < 1.3
    assert ratio(differ) > 5


def test_the_widening_is_for_scenes_or_for_jurors():
    strengths = np.linspace(1, -1, 8)
    same = simulated_jury(strengths, jurors=6, of_jurors=0.0, seed=3)
    differ = simulated_jury(strengths, jurors=6, of_jurors=2.0, seed=3)
    assert drawn_picks(same, RULES, draws=500)[1] > 40
    assert 6 <= drawn_picks(differ, RULES, draws=500)[1] < 7


def test_draws_of_a_jury_repeat_by_seed_and_take_two_of_each():
    some = simulated_jury(np.zeros(4), jurors=3, scenes=4)
    first, again = (drawn_picks(some, RULES, draws=20, seed=(1, 2))[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first != drawn_picks(some, RULES, draws=20, seed=3)[0]).any()
    for lonely in ({"jurors": 1}, {"scenes": 1}):
        with pytest.raises(InputError, match="a bootstrap needs 2 items"):
            drawn_picks(simulated_jury(np.zeros(4), **lonely), RULES)


def test_votes_that_are_all_alike_leave_nothing_to_chance():
    alike = jury(*[(j, s, "ab") for j in "xyz" for s in "1234"])
    drawn, items = drawn_picks(alike, rules(), draws=50)
    assert (drawn == [12, 12, 0, 0]).all()
    assert items == 3
