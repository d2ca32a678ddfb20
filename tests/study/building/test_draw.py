import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_metrics.errors import InputError
from gpu_metrics.study.building.draw import draw_scenes

SCENES = [f"{i:03d}" for i in range(100)]
IDS = st.lists(st.text(min_size=1, max_size=6), unique=True, max_size=40)


@given(IDS, st.data(), st.integers(0, 2**64))
def test_a_draw_is_a_part_of_the_scenes_and_their_order_does_not_matter(scenes, data, seed):
    count = data.draw(st.integers(0, len(scenes)))
    drawn = draw_scenes(scenes, count, seed=seed)
    assert len(drawn) == len({*drawn}) == count and {*drawn} <= {*scenes}
    assert drawn == draw_scenes(data.draw(st.permutations(scenes)), count, seed=seed)


@given(IDS.filter(len), st.data(), st.integers(0, 99))
def test_a_larger_draw_holds_the_smaller_one(scenes, data, seed):
    count = data.draw(st.integers(1, len(scenes)))
    smaller = draw_scenes(scenes, count - 1, seed=seed)
    assert {*smaller} < {*draw_scenes(scenes, count, seed=seed)}


def test_anybody_can_repeat_it():
    tickets = {hashlib.sha256(f"2026 {scene}".encode()).hexdigest(): scene for scene in SCENES}
    expected = tuple(sorted(tickets[ticket] for ticket in sorted(tickets)[:50]))
    assert draw_scenes(SCENES, 50, seed=2026) == expected


def test_every_scene_is_drawn_as_often():
    draws = [{*draw_scenes(SCENES, 50, seed=seed)} for seed in range(400)]
    # 200 with a standard deviation of 10; 4.5 of these, for a hundred scenes
    assert all(155 < sum(scene in drawn for drawn in draws) < 245 for scene in SCENES)
    # 400 * 50/100 * 49/99 = 99, and four standard deviations of 8.6
    assert abs(sum({"007", "042"} <= drawn for drawn in draws) - 99) < 35


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=60), st.data())
def test_strata_give_their_shares(kinds, data):
    strata = {f"{i:02d}": kind for i, kind in enumerate(kinds)}
    count = data.draw(st.integers(0, len(kinds)))
    drawn = Counter(strata[s] for s in draw_scenes(strata, count, seed=1, strata=strata))
    assert sum(drawn.values()) == count
    for kind, size in Counter(kinds).items():
        assert abs(drawn[kind] - count * size / len(kinds)) < 1


def test_largest_remainders_are_rounded_up_first():
    strata = dict(zip(SCENES, "a" * 47 + "b" * 16 + "c" * 37, strict=True))
    drawn = Counter(strata[s] for s in draw_scenes(strata, 10, seed=5, strata=strata))
    # 4.7, 1.6 and 3.7: the two units that are left go to 0.7 and 0.7
    assert drawn == {"a": 5, "b": 1, "c": 4}


@pytest.mark.parametrize(("count", "strata", "said"), [(101, None, "at most 100"), (3, {}, "'")])
def test_what_cannot_be_drawn_is_refused(count, strata, said):
    with pytest.raises(InputError, match=said):
        draw_scenes(SCENES, count, seed=0, strata=strata)
