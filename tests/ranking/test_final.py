import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from gpu_metrics.board.store import opened
from gpu_metrics.contests import load_contest, parse_contest
from gpu_metrics.errors import InputError
from gpu_metrics.ranking.entries import collect
from gpu_metrics.ranking.final import decide
from gpu_metrics.ranking.given import Given
from tests.board.conftest import PROFILE, make_run

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EFFICIENT = load_contest("efficient-sr2026")
DENOISING = load_contest("aim2025-raw-denoising")

PORTRAIT = parse_contest(
    load_contest("raim2026-flash-portrait")
    .text.replace('profile = "raim2026-flash-portrait"', 'profile = "raindrop2026"')
    .replace("top = 12", "top = 3"),
    where="small.toml",
)


def table(**columns):
    """A given table without scenes, columns as mappings from team to number."""
    cells = {(n, "", team): v for n, column in columns.items() for team, v in column.items()}
    return Given(tuple(columns), ("",), cells)


def votes(picks, scenes):
    """A given table in which every scene has the same picks."""
    names = [f"{scene}" for scene in range(scenes)]
    cells = {("picks", s, team): float(p) for s in names for team, p in picks.items()}
    return Given(("picks",), tuple(names), cells)


@pytest.fixture
def board(tmp_path):
    """Five teams in phase 2, of which the second is struck out; the others in phase 3, too."""
    with opened(tmp_path / "board.sqlite", create=True) as board:
        for team, level in zip("abcde", [30, 29.5, 29, 28, 27], strict=True):
            run = make_run(level, images=20)
            board.add(run, PROFILE, team=team, phase="phase2", at=NOON)
        for team, level in zip("acde", [28, 30, 29, 40], strict=True):
            run = make_run(level, name="again", images=12)
            board.add(run, PROFILE, team=team, phase="phase3", at=NOON)
        board.strike("b", "phase2", reason="deviates")
        yield board


def totals(result):
    return {finalist.team: finalist.values["total"] for finalist in result.finalists}


def test_the_final_of_the_portrait_track(board):
    picks = {"a": 10.0, "c": 20.0, "d": 40.0}
    result = decide(collect(PORTRAIT, board=board, given=[table(picks=picks)]), board=board)
    assert [(f.place, f.team, f.award) for f in result.finalists] == [
        (1, "d", "first class"),
        (2, "c", "second class"),
        (3, "a", "second class"),
    ]
    objective = {
        team: make_run(level, images=12).scores["total"]
        for team, level in [("a", 28), ("c", 30), ("d", 29)]
    }
    uscores = {"a": 80.0, "c": 80 + 10 / 3, "d": 90.0}
    for finalist in result.finalists:
        expected = 0.7 * objective[finalist.team] + 0.3 * uscores[finalist.team]
        assert finalist.values["objective"] == objective[finalist.team]
        assert finalist.values["uscore"] == pytest.approx(uscores[finalist.team], rel=1e-14)
        assert finalist.values["total"] == pytest.approx(expected, rel=1e-14)


def test_who_is_invited_and_who_is_not(board):
    """b is struck out, e comes too late, and x is nobody."""
    given = [table(picks=dict.fromkeys("abcdex", 1.0))]
    entries = collect(PORTRAIT, board=board, given=given)
    assert (entries.teams, entries.out) == (("a", "c", "d"), {})
    assert [remark.partition(" ")[0] for remark in entries.remarks] == ["b", "e", "x"]


def test_a_finalist_that_is_struck_out_later_is_not_ranked(board):
    board.strike("c", "phase3", reason="too late")
    entries = collect(PORTRAIT, board=board, given=[table(picks=dict.fromkeys("acd", 1.0))])
    assert entries.out == {"c": "struck out in phase3: too late"}
    assert {f.values["uscore"] for f in decide(entries, board=board).finalists} == {85.0}


def test_missing_numbers_are_named(board):
    entries = collect(PORTRAIT, board=board, given=[table(picks={"a": 1.0, "c": 2.0})])
    assert (entries.teams, entries.out) == (("a", "c"), {"d": "no picks"})


def test_scores_of_the_jury_may_be_given_in_place_of_its_picks(board):
    uscore = {"a": 81.0, "c": 90.0, "d": 80.0}
    entries = collect(PORTRAIT, board=board, given=[table(uscore=uscore)])
    result = decide(entries, board=board, draws=100)
    assert {f.team: f.values["uscore"] for f in result.finalists} == uscore
    assert "picked" not in result.finalists[0].values
    assert list(result.alone) == ["phase3"]


def test_what_is_missing_altogether_is_asked_for(board):
    with pytest.raises(InputError, match="picks: give a table with columns team and picks, how o"):
        collect(PORTRAIT, board=board)
    picks = table(picks={"a": 1.0})
    with pytest.raises(InputError, match="objective: name the board that has phase3, or give"):
        collect(PORTRAIT, given=[picks])
    entries = collect(PORTRAIT, given=[picks, table(objective={"a": 84.0})])
    assert totals(decide(entries)) == {"a": pytest.approx(0.7 * 84 + 0.3 * 85)}


def test_two_tables_may_not_give_the_same(board):
    given = [table(picks={"a": 1.0}), table(picks={"c": 2.0})]
    with pytest.raises(InputError, match="picks: is given by two tables; put their lines into one"):
        collect(PORTRAIT, board=board, given=given)


def test_a_contest_without_teams_is_told(board):
    board.strike("a", "phase2", reason="x")
    with pytest.raises(
        InputError, match=r"no team can be ranked \(c: no picks; d: no picks; e: no"
    ):
        collect(PORTRAIT, board=board, given=[table(picks={"x": 1.0})])


def test_unknown_values_of_a_profile_are_told(board):
    other = parse_contest(
        PORTRAIT.text.replace('value = "total"', 'value = "totl"'), where="x.toml"
    )
    with pytest.raises(InputError, match="raindrop2026 has no value 'totl'; .*mean 'total'"):
        collect(other, board=board, given=[table(picks={"a": 1.0})])


def test_both_parts_are_drawn_together_and_alone(board):
    given = [votes({"a": 1, "c": 2, "d": 4}, scenes=25)]
    result = decide(collect(PORTRAIT, board=board, given=given), board=board, draws=500)
    assert list(result.alone) == ["phase3", "picks"]
    # scenes that are all alike leave nothing to chance
    jury = result.alone["picks"]
    assert all(low == pytest.approx(high) for low, high in jury.intervals)
    images = result.alone["phase3"]
    assert images.intervals == result.trust.intervals
    assert all(
        low < f.values["total"] < high
        for f, (low, high) in zip(result.finalists, images.intervals, strict=True)
    )
    np.testing.assert_allclose(np.sum(result.places, axis=1), 1)
    np.testing.assert_allclose(np.sum(result.places, axis=0), 1)


def test_a_jury_that_disagrees_moves_places(board):
    cells = {
        ("picks", f"{scene}", team): 1.0
        for scene in range(24)
        for team in (("a", "c") if scene % 2 else ("d", "c"))
    }
    given = Given(("picks",), tuple(f"{scene}" for scene in range(24)), cells)
    contest = parse_contest(PORTRAIT.text.replace("value = 0.7,", "value = 0.5,"), where="x.toml")
    result = decide(collect(contest, board=board, given=[given]), board=board, draws=500)
    assert result.alone["phase3"].places == ((1, 1), (2, 2), (3, 3))
    assert result.alone["picks"].places[1:] == ((2, 3), (2, 3))


def test_phases_draw_by_themselves(board):
    """Two phases with the same rows have different draws, one phase that is read twice has one."""
    text = (
        PORTRAIT.text.partition("[invited]")[0]
        + """
[inputs]
one = { phase = "phase2", profile = "raindrop2026", value = "psnr_y" }
two = { phase = "PHASE", profile = "raindrop2026", value = "psnr_y" }
[formula]
total = "one - two"
[ranking]
by = "total"
higher_is_better = true
digits = 2
"""
    )
    for team, level in zip("acde", [30, 29, 28, 27], strict=True):
        board.add(make_run(level, images=20), PROFILE, team=team, phase="twin", at=NOON)
    for phase, spread in [("phase2", False), ("twin", True)]:
        contest = parse_contest(text.replace("PHASE", phase), where="x.toml")
        result = decide(collect(contest, board=board), board=board, draws=200)
        low, high = result.trust.intervals[0]
        assert (high - low > 0.1) is spread


def test_printed_tables_have_no_draws_and_say_so(tmp_path):
    with opened(tmp_path / "board.sqlite", create=True) as board:
        for phase in ("phase2", "phase3"):
            run = replace(make_run(30), images=())
            board.add(run, PROFILE, team="a", phase=phase, at=NOON)
        result = decide(
            collect(PORTRAIT, board=board, given=[table(picks={"a": 1.0})]), board=board
        )
    assert (result.trust, dict(result.alone), result.places) == (None, {}, ())
    assert result.remarks == (
        "phase3 is not drawn from: the run of 'a' has no rows of images to draw from",
    )


def test_gates_close_before_teams_are_compared():
    numbers = {
        "psnr": {"a": 27.0, "b": 26.89, "c": 26.90},
        "runtime": {"a": 0.5, "b": 0.1, "c": 0.4},
        "flops": {"a": 0.6, "b": 0.1, "c": 0.9},
        "parameters": {"a": 0.7, "b": 0.1, "c": 0.9},
    }
    entries = collect(EFFICIENT, given=[table(**numbers)])
    assert entries.out == {"b": "psnr is 26.89, expected psnr >= 26.9"}
    result = decide(entries)
    e = math.exp
    assert totals(result) == {
        "a": pytest.approx(0.7 * e(1) + 0.15 * e(1.2) + 0.15 * e(1.4)),
        "c": pytest.approx(0.7 * e(0.8) + 0.3 * e(1.8)),
    }
    assert [finalist.team for finalist in result.finalists] == ["a", "c"]


def test_the_mean_of_places_shares_ties():
    metrics = {
        "psnr": {"a": 40.0, "b": 39.0, "c": 38.0},
        "ssim": {"a": 0.9, "b": 0.9, "c": 0.8},
        "lpips": {"a": 0.3, "b": 0.2, "c": 0.1},
        "arniqa": {"a": 0.7, "b": 0.6, "c": 0.5},
        "topiq": {"a": 0.5, "b": 0.5, "c": 0.5},
    }
    result = decide(collect(DENOISING, given=[table(**metrics)]))
    assert totals(result) == {
        "a": pytest.approx((1 + 1.5 + 3 + 1 + 2) / 5),
        "b": pytest.approx((2 + 1.5 + 2 + 2 + 2) / 5),
        "c": pytest.approx((3 + 3 + 1 + 3 + 2) / 5),
    }
    assert [finalist.place for finalist in result.finalists] == [1, 2, 3]


def test_equal_teams_keep_their_order():
    scores = table(stage1=dict.fromkeys("bca", 1.0), stage2=dict.fromkeys("bca", 2.0))
    result = decide(collect(load_contest("raim2026-fusion"), given=[scores]))
    assert [finalist.team for finalist in result.finalists] == ["b", "c", "a"]


def test_an_external_number_in_an_exponent():
    scores = table(score={"a": 3.0, "b": 3.5}, speedup={"a": 32.0, "b": 1.0})
    result = decide(collect(load_contest("mobile-sr2026"), given=[scores]))
    assert totals(result) == {"a": pytest.approx(16), "b": pytest.approx(2**3.5)}
