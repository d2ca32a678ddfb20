import math

import pytest

from gpu_metrics.contests import load_contest, parse_contest
from gpu_metrics.ranking.entries import collect
from gpu_metrics.ranking.sensitivity import Swap, sweeps
from tests.ranking.test_final import table

PORTRAIT = load_contest("raim2026-flash-portrait")
OBJECTIVE = {"a": 86.0, "b": 85.0, "c": 80.0}


def swept(contest, **columns):
    return {sweep.constant: sweep for sweep in sweeps(collect(contest, given=[table(**columns)]))}


def test_a_swap_is_found_where_the_lines_cross():
    # 86 w + 80 (1 - w) = 85 w + 82 (1 - w) at w = 2 / 3
    found = swept(PORTRAIT, objective=OBJECTIVE, uscore={"a": 80.0, "b": 82.0, "c": 80.0})
    weight = found["weight"]
    assert (weight.low, weight.value, weight.high, weight.used) == (0.5, 0.7, 0.9, True)
    (swap,) = weight.swaps
    assert swap == Swap(swap.at, rises="b", falls="a", place=1)
    assert swap.at == pytest.approx(2 / 3, abs=1e-12)


def test_what_a_given_number_replaces_is_not_used():
    found = swept(PORTRAIT, objective=OBJECTIVE, uscore={"a": 80.0, "b": 82.0, "c": 80.0})
    assert [(found[name].used, found[name].swaps) for name in ("fewest", "most")] == [
        (False, ())
    ] * 2


def test_the_bounds_of_the_jury_are_swept():
    # 0.7 (86 - 85) = 0.3 (most - fewest) where b has all picks and a none: 80 + 7 / 3
    contest = parse_contest(
        PORTRAIT.text.replace("most = { value = 90, low = 85", "most = { value = 90, low = 80"),
        where="x.toml",
    )
    found = swept(contest, objective=OBJECTIVE, picks={"a": 0.0, "b": 9.0, "c": 1.0})
    (swap,) = found["most"].swaps
    assert swap == Swap(swap.at, rises="a", falls="b", place=1)
    assert swap.at == pytest.approx(80 + 7 / 3, abs=1e-9)
    # and 90 - 7 / 3 is beyond the range of the lower bound
    assert found["fewest"].swaps == ()


def test_swaps_of_both_sides_come_nearest_first():
    objective = {"a": 86.0, "b": 85.0, "c": 90.0}
    uscore = {"a": 88.0, "b": 90.5, "c": 80.0}
    weight = swept(PORTRAIT, objective=objective, uscore=uscore)["weight"]
    # a and b meet at 5 / 7, c passes b at 21 / 31 and a at 2 / 3
    assert [(swap.rises, swap.falls, swap.place) for swap in weight.swaps] == [
        ("a", "b", 2),
        ("b", "c", 1),
        ("a", "c", 2),
    ]
    assert [swap.at for swap in weight.swaps] == pytest.approx([5 / 7, 21 / 31, 2 / 3])


def test_teams_that_are_always_equal_never_swap():
    found = swept(PORTRAIT, objective=dict.fromkeys("ab", 84.0), uscore=dict.fromkeys("ab", 85.0))
    assert found["weight"].swaps == ()


def test_lower_may_be_better():
    contest = load_contest("efficient-sr2026")
    found = swept(
        contest,
        psnr={"a": 27.0, "b": 27.0},
        runtime={"a": 0.5, "b": 0.6},
        flops={"a": 0.9, "b": 0.4},
        parameters={"a": 0.5, "b": 0.5},
    )
    assert found["w_runtime"].swaps == ()
    (swap,) = found["w_flops"].swaps
    assert (swap.rises, swap.falls, swap.place) == ("a", "b", 1)
    e = math.exp
    assert swap.at == pytest.approx(0.7 * (e(1.2) - e(1)) / (e(1.8) - e(0.8)))
