from itertools import combinations, product

import numpy as np
import pytest
from scipy.stats import hypergeom

from gpu_metrics.study.worth.repeats import consistency
from tests.study.votes import vote

SIX = "abcdef"


def repeated(*pairs, juror="x", shown=SIX):
    for scene, (before, after) in enumerate(pairs):
        yield vote(juror, str(scene), shown, before)
        yield vote(juror, str(scene), reversed(shown), after, kind="repeat")


def test_one_repeat_is_hypergeometric():
    [found] = consistency(repeated(("abc", "abd")))
    assert (found.juror, found.repeats, found.overlap, found.most) == ("x", 1, 2, 3)
    assert found.chance == pytest.approx(3 * 3 / 6)
    assert found.p_value == pytest.approx(hypergeom.sf(1, 6, 3, 3))


def test_several_repeats_are_counted_out():
    [found] = consistency(repeated(("abc", "abd"), ("abc", "cba"), ("abc", "def")))
    assert found.overlap == pytest.approx(5 / 3)
    sets = [{*picks} for picks in combinations(SIX, 3)]
    overlaps = [len(picks & {*"abc"}) for picks in sets]
    totals = [sum(three) for three in product(overlaps, repeat=3)]
    assert found.p_value == pytest.approx(np.mean([total >= 5 for total in totals]))
    assert found.chance == pytest.approx(np.mean(totals) / 3)


def test_the_p_value_of_guessing_is_uniform_at_most():
    draw = np.random.default_rng(0)
    values = []
    for _ in range(400):
        pairs = [("".join(draw.permutation([*SIX])[:3]), "".join(draw.permutation([*SIX])[:3]))]
        values += [consistency(repeated(*pairs * 2))[0].p_value]
        values += [consistency(repeated(*pairs))[0].p_value]
    single = values[1::2]
    # 10 of 20 sets overlap in two or more; within four standard deviations of 0.025
    assert np.mean([p <= 0.5 + 1e-12 for p in single]) == pytest.approx(0.5, abs=0.1)


def test_teams_hidden_the_second_time_cannot_be_picked_again():
    votes = [vote("x", "1", "abcd", "ab"), vote("x", "1", "bcd", "bc", kind="repeat")]
    [found] = consistency(votes)
    assert found.overlap == 1
    # of b, c and d two are picked, and b is among them in two of three
    assert found.chance == pytest.approx(2 / 3) and found.p_value == pytest.approx(2 / 3)


def test_each_juror_is_alone_and_practice_counts_for_nothing():
    votes = [*repeated(("abc", "abc")), *repeated(("abc", "def"), juror="y")]
    votes += [
        vote("z", "1", SIX, "abc", kind="practice"),
        vote("z", "1", SIX, "abc", kind="repeat"),
    ]
    found = {c.juror: c for c in consistency(votes)}
    assert list(found) == ["x", "y"]
    assert found["x"].p_value == pytest.approx(1 / 20)
    assert found["y"].p_value == 1
    assert consistency([]) == []
