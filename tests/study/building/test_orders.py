from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_metrics.study.building.orders import balanced_orders, sequence
from gpu_metrics.study.building.tokens import KeyedChance

KEYS = st.binary(min_size=32, max_size=32)


def places(orders):
    return Counter((team, place) for order in orders for place, team in enumerate(order))


def spread(orders, teams):
    counts = places(orders)
    found = [counts[team, place] for team in teams for place in range(len(teams))]
    return max(found) - min(found)


@settings(max_examples=40)
@given(st.integers(2, 9), st.integers(0, 20), st.integers(1, 4), KEYS)
def test_places_are_given_out_evenly(count, screens, jurors, key):
    teams = [f"team {i}" for i in range(count)]
    orders = balanced_orders(teams, screens, jurors, KeyedChance(key))
    assert [len(own) for own in orders] == [screens] * jurors
    assert all(sorted(order) == teams for own in orders for order in own)
    for own in orders:
        # after any number of screens
        assert all(spread(own[:end], teams) <= 1 for end in range(screens + 1))
        for start in range(0, screens - count + 1, count):
            assert {*places(own[start : start + count]).values()} == {1}
    assert spread([order for own in orders for order in own], teams) <= 1


def test_a_challenge_of_twelve_is_balanced():
    teams = [f"team {i:02d}" for i in range(12)]
    orders = balanced_orders(teams, 50, 3, KeyedChance(b"k" * 32))
    # 50 screens over 12 places, and 150
    assert all({*places(own).values()} == {4, 5} for own in orders)
    assert {*places(order for own in orders for order in own).values()} == {12, 13}


def test_what_stands_beside_what_is_left_to_chance():
    teams = [f"team {i}" for i in range(6)]
    orders = balanced_orders(teams, 60, 12, KeyedChance(b"k" * 32))
    beside = Counter(pair for own in orders for order in own for pair in pairwise(order))
    # 720 screens, 5 of 30 pairs on each: 120, with a standard deviation of about 10
    assert len(beside) == 30 and all(80 < count < 160 for count in beside.values())


@given(st.integers(1, 60), st.data(), KEYS)
def test_repeats_come_late_and_far_from_the_first(count, data, key):
    votes = [f"{i:03d}" for i in range(count)]
    repeats = data.draw(st.lists(st.sampled_from(votes), unique=True))
    shown = sequence(votes, repeats, KeyedChance(key))
    first = {scene: place for place, (scene, again) in enumerate(shown) if not again}
    second = {scene: place for place, (scene, again) in enumerate(shown) if again}
    assert sorted(first) == votes and sorted(second) == sorted(repeats)
    assert len(shown) == count + len(repeats)
    for scene, place in second.items():
        assert 2 * place >= len(shown)
        assert 3 * (place - first[scene]) >= len(shown)


def test_jurors_see_screens_in_orders_of_their_own():
    votes = [f"{i:03d}" for i in range(50)]
    routes = [sequence(votes, votes[:5], KeyedChance(b"k" * 32, str(i))) for i in range(200)]
    first = Counter(route[0][0] for route in routes)
    assert len(first) > 40
    assert max(first.values()) < 20


@pytest.mark.parametrize("same", [True, False])
def test_only_the_secret_foretells_orders(same):
    keys = [b"a" * 32, b"a" * 32 if same else b"b" * 32]
    found = [balanced_orders("abcdef", 6, 2, KeyedChance(key)) for key in keys]
    assert (found[0] == found[1]) == same
