import math
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from gpu_metrics.errors import InputError
from gpu_metrics.piqa.experts import Expert, load_experts
from gpu_metrics.piqa.selection import Proportion, mcnemar, select


def experts_of(text, kinds=None):
    return {
        f"{n}": Expert(choice, "r", kinds[n] if kinds else None) for n, choice in enumerate(text)
    }


def choices_of(text):
    return {f"{n}": None if choice == "-" else choice for n, choice in enumerate(text)}


def wilson(count, total, z=1.959963984540054):
    """The interval as Wilson wrote it (JASA 22, 1927)."""
    p = count / total
    middle = (p + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
    return middle - half, middle + half


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_are_wilson_s(pair):
    found = Proportion.of(*pair)
    low, high = wilson(*pair)
    assert (found.low, found.high) == (
        pytest.approx(low, abs=1e-12),
        pytest.approx(high, abs=1e-12),
    )
    assert found.low - 1e-12 <= found.rate <= found.high + 1e-12


def test_intervals_cover_the_truth_as_often_as_they_say():
    # exact, by the binomial distribution; Wilson's coverage swings around 95 % by design
    for share in (0.5, 0.7, 0.9):
        total = 101
        covered = sum(
            float(binom.pmf(count, total, share))
            for count in range(total + 1)
            if Proportion.of(count, total).low <= share <= Proportion.of(count, total).high
        )
        assert 0.93 < covered < 0.97


def test_nothing_has_no_proportion():
    assert asdict(Proportion.of(0, 0)) == {
        "count": 0,
        "total": 0,
        "rate": None,
        "low": None,
        "high": None,
    }


def test_accuracy_by_category_and_by_the_better_image():
    found = select(choices_of("AABB-B"), experts_of("AAABBA", ["person"] * 4 + ["scene"] * 2))
    assert (found.accuracy.count, found.accuracy.total, found.unreadable) == (3, 6, 1)
    assert {k: (p.count, p.total) for k, p in found.categories.items()} == {
        "person": (3, 4),
        "scene": (0, 2),
    }
    assert {k: (p.count, p.total) for k, p in found.recall.items()} == {"A": (2, 4), "B": (1, 2)}
    assert found.balanced_accuracy == 0.5
    assert found.swapped is None


def test_always_a_is_accurate_and_biased():
    # the labels of the track's training pairs: 59 A, 41 B
    found = select(choices_of("A" * 100), experts_of("A" * 59 + "B" * 41))
    assert found.accuracy.rate == 0.59
    assert found.balanced_accuracy == 0.5
    assert (found.position.chosen_a.rate, found.position.better_a.rate) == (1.0, 0.59)
    assert (found.position.toward_a, found.position.toward_b) == (41, 0)
    assert found.position.p_value == pytest.approx(2 * 0.5**41)


def test_even_mistakes_show_no_bias():
    found = select(choices_of("BBAA" + "AB" * 5), experts_of("AABB" + "AB" * 5))
    assert (found.position.toward_a, found.position.toward_b) == (2, 2)
    assert found.position.p_value == 1


def test_one_sided_labels_have_no_balanced_accuracy():
    assert select(choices_of("AB"), experts_of("AA")).balanced_accuracy is None


def test_swapped_pairs_ask_for_the_other_letter():
    # right both times, always A, wrong both times, unreadable once
    found = select(choices_of("AAB-"), experts_of("AAAA"), choices_of("BAAB"))
    swapped = found.swapped
    assert (swapped.consistent.count, swapped.right.count, swapped.both_right.count) == (2, 2, 1)


def test_the_sample_is_selected_as_counted_by_hand(experts):
    loaded = load_experts(experts).experts
    found = select({id_: expert.choice for id_, expert in loaded.items()}, loaded)
    assert (found.accuracy.rate, found.balanced_accuracy) == (1.0, 1.0)
    assert found.position.chosen_a == found.position.better_a


def test_mcnemar_is_exact():
    first = {f"{n}": n < 14 for n in range(20)}
    second = {f"{n}": n < 4 or n > 17 for n in range(20)}
    found = mcnemar(first, second)
    assert (found.both, found.only_first, found.only_second, found.neither) == (4, 10, 2, 4)
    # both tails of 12 throws that fall 2 : 10 or more unevenly
    assert found.p_value == pytest.approx(2 * (1 + 12 + 66) / 2**12)
    back = mcnemar(second, first)
    assert (back.only_first, back.only_second, back.p_value) == (2, 10, found.p_value)


def test_equal_teams_do_not_differ():
    same = {"1": True, "2": False}
    assert mcnemar(same, same).p_value == 1


def test_mcnemar_needs_the_same_pairs():
    with pytest.raises(InputError, match="must hold the same pairs; 2 ids are in one of them"):
        mcnemar({"1": True, "2": True}, {"2": True, "3": True})
