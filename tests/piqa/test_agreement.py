import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from gpu_metrics.errors import InputError
from gpu_metrics.piqa.agreement import agreement, load_scores


def by_id(scores):
    return {f"{n}": float(score) for n, score in enumerate(scores)}


def rated(table):
    """Two raters' scores from a table of how often each pair of scores occurs."""
    pairs = [(i, j) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return [by_id(side) for side in zip(*pairs, strict=True)]


def plain_kappa(x, y, power):
    """Cohen's kappa by its definition, pair by pair."""

    def cost(a, b):
        return float(a != b) if power == 0 else abs(a - b) ** power

    there = sum(map(cost, x, y)) / len(x)
    chance = sum(cost(a, b) for a in x for b in y) / len(x) ** 2
    return 1 - there / chance if chance else math.nan


def test_kappa_of_cohen_s_proportions():
    # 200 cases, 0.70 agreed on, 0.41 by chance: kappa = 0.29 / 0.59, as in Cohen 1960
    judge, people = rated([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    found = agreement(judge, people, weights="none")
    assert found.kappa.value == pytest.approx((0.70 - 0.41) / (1 - 0.41))
    assert found.items == 200
    assert found.kappa.low < found.kappa.value < found.kappa.high


SCORES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=40)


@pytest.mark.parametrize(("weights", "power"), [("none", 0), ("linear", 1), ("quadratic", 2)])
def test_kappa_is_its_definition(weights, power):
    @given(SCORES)
    def check(pairs):
        x, y = zip(*pairs, strict=True)
        found = agreement(by_id(x), by_id(y), weights=weights).kappa.value
        expected = plain_kappa(x, y, power)
        assert found == (None if math.isnan(expected) else pytest.approx(expected, abs=1e-12))

    check()


@given(SCORES.filter(lambda pairs: all(len(set(side)) > 1 for side in zip(*pairs, strict=True))))
def test_spearman_is_scipy_s(pairs):
    x, y = zip(*pairs, strict=True)
    found = agreement(by_id(x), by_id(y)).spearman.value
    assert found == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_perfect_and_opposite_raters():
    scores, back = by_id([1, 2, 3, 4, 5]), by_id([5, 4, 3, 2, 1])
    same = agreement(scores, scores)
    assert (same.kappa.value, same.spearman.value, same.kappa.low) == (1, pytest.approx(1), 1)
    assert agreement(scores, back).spearman.value == pytest.approx(-1)


def test_a_rater_who_never_varies_has_no_correlation():
    found = agreement(by_id([3, 3, 3]), by_id([1, 2, 3]))
    assert found.spearman.value is found.spearman.low is None
    assert agreement(by_id([3, 3]), by_id([3, 3])).kappa.value is None


def test_only_what_both_scored_counts():
    assert agreement(by_id([1, 2, 3]), {"0": 1.0, "2": 3.0, "9": 0.0}).items == 2
    with pytest.raises(InputError, match="at least 2 items that both scored, got 1"):
        agreement(by_id([1, 2]), {"0": 1.0, "9": 3.0})


def test_the_same_scores_give_the_same_intervals():
    judge, people = rated([[5, 2, 0], [1, 6, 2], [0, 1, 7]])
    assert agreement(judge, people) == agreement(judge, people)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    # raters of correlated normal scores, rounded; the truth is that of 200,000 of them
    def raters(generator, count):
        common = generator.normal(size=count)
        return [
            np.clip(np.rint(5 + 2 * common + generator.normal(size=count)), 0, 10) for _ in "xy"
        ]

    generator = np.random.Generator(np.random.PCG64(1))
    x, y = raters(generator, 200_000)
    truth = spearmanr(x, y).statistic
    covered = 0
    for _ in range(60):
        spearman = agreement(*map(by_id, raters(generator, 100))).spearman
        covered += spearman.low <= truth <= spearman.high
    # 95 % of 60 are 57; fewer than 51 happen once in a hundred times to good intervals
    assert covered >= 51


def test_people_s_scores_come_from_a_table(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("\ufeffrater,id,score\nx,p_1,7\ny,p_2, 8.5\n", "utf-8")
    assert load_scores(path, lowest=0, highest=10) == {"p_1": 7.0, "p_2": 8.5}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name,score\na,1\n", "expected a first line with id and score"),
        ("id,score\na\n", "expected a first line with id and score"),
        ("id,score\na,11\n", "line 2: expected a number in 0..10, each id once, got a,11"),
        ("id,score\na,nan\n", "line 2: expected a number"),
        ("id,score\na,x\n", "line 2: expected a number"),
        ("id,score\na,1\na,2\n", "line 3: expected a number in 0..10, each id once, got a,2"),
        ("\0", "expected"),
    ],
)
def test_other_tables_are_refused(tmp_path, text, reason):
    path = tmp_path / "people.csv"
    path.write_text(text, "utf-8")
    if "\0" in text:
        path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="people.csv") as caught:
        load_scores(path, lowest=0, highest=10)
    assert reason in str(caught.value)
