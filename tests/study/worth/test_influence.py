import numpy as np
import pytest

from gpu_metrics.study.tally import jury_of
from gpu_metrics.study.worth.influence import influence, places
from tests.study.votes import renamed, simulated_votes, vote


def counted(jury):
    return jury.picked.sum(axis=(0, 1)).astype(float)


def mapped(counts):
    return 80 + 10 * counts / counts.max()


def test_a_juror_who_decides_is_seen():
    votes = [vote("x", str(s), "abc", "a") for s in range(3)]
    votes += [vote("y", str(s), "abc", "b") for s in range(2)]
    votes += [vote("z", "0", "abc", "b")]
    of_x, of_y, of_z = influence(jury_of(votes), counted, mapped)
    assert of_x.juror == "x" and of_x.counts == {"a": 0, "b": 3, "c": 0}
    assert of_x.scores == pytest.approx({"a": 80, "b": 90, "c": 80})
    assert of_x.places == {"a": 2, "b": 1, "c": 2} and of_x.moved == ("a", "c")
    assert (of_x.shift, of_x.shifted) == (pytest.approx(-0.5), "a")
    # without y, a leads with 3 of 4
    assert of_y.places == {"a": 1, "b": 2, "c": 3} and of_y.moved == ("b",)
    assert (of_y.shift, of_y.shifted) == (pytest.approx(0.25), "a")
    assert of_z.shift == pytest.approx(0.1)


def test_equal_teams_share_the_best_of_their_places():
    assert places(np.array([3.0, 5.0, 3.0, 1.0])) == (2, 1, 2, 4)


def test_the_only_juror_cannot_be_dropped():
    assert influence(jury_of([vote("x", "1", "abc", "a")]), counted, mapped) == []


def test_a_team_that_nobody_else_saw_leaves_its_juror_out():
    def count(jury):
        seen = jury.shown.any(axis=(0, 1))
        return np.where(seen, counted(jury), np.nan)

    votes = [vote("x", "1", "abc", "a"), vote("y", "1", "ab", "a")]
    assert [d.juror for d in influence(jury_of(votes), count, mapped)] == ["y"]


def test_a_jury_that_gives_nobody_anything_has_shares_of_nothing():
    def majority(jury):
        found = counted(jury)
        return np.where(found == len(jury.jurors), 1.0, 0.0)

    votes = [vote("x", "1", "abcd", "a"), vote("y", "1", "abcd", "b")]
    found = influence(jury_of(votes), majority, lambda counts: counts)
    assert [(d.shift, d.shifted) for d in found] == [(1.0, "b"), (1.0, "a")]


def test_relabelled_teams_and_jurors_permute_the_result():
    votes = simulated_votes(np.linspace(1, -1, 5), jurors=4, scenes=10)
    found, again = (influence(jury_of(v), counted, mapped) for v in (votes, renamed(votes)))
    for one, other in zip(found, again[::-1], strict=True):
        assert [*one.places.values()] == [*other.places.values()][::-1]
        assert [*one.counts.values()] == [*other.counts.values()][::-1]
        assert len(one.moved) == len(other.moved)
        assert abs(one.shift) == pytest.approx(abs(other.shift))
