from dataclasses import replace

import pytest

from gpu_metrics.errors import InputError
from gpu_metrics.profiles import load_profile
from gpu_metrics.verify.comparison import compare
from gpu_metrics.verify.standing import read_scores, with_rank
from tests.verify.conftest import IDS, PLAIN

TEAMS = "team,Total,rank\nfirst,48.5,1\nours,48.00,2\nthird,47.9,3\nfourth,47.2,4\nstruck,-,\n"


@pytest.fixture
def board(tmp_path):
    path = tmp_path / "board.csv"
    path.write_text(TEAMS)
    return path


def rank(online, run, scores, ranking=PLAIN.ranking):
    found = with_rank(compare(online, run, PLAIN), scores, ranking).rank
    return found.online, found.reproduced, found.teams, found.passed


def test_places_are_counted_among_the_other_teams(online, rerun, board):
    scores = read_scores(board, PLAIN, team="ours")
    assert scores == {"first": 48.5, "third": 47.9, "fourth": 47.2}
    worse = rerun(dict.fromkeys(IDS, (-0.5, 0.0)))
    assert rank(online, worse, scores) == (2, 3, 4, ("third",))
    better = rerun(dict.fromkeys(IDS, (0.6, 0.0)))
    assert rank(online, better, scores) == (2, 1, 4, ("first",))
    assert rank(online, rerun({}), scores) == (2, 2, 4, ())


def test_ties_at_the_printed_digits_share_the_better_place(online, rerun):
    scores = {"a": 48.004, "b": 48.006}
    assert rank(online, rerun({}), scores) == (2, 2, 3, ())


def test_lower_may_be_better(online, rerun):
    lower = replace(PLAIN.ranking, higher_is_better=False)
    worse = rerun(dict.fromkeys(IDS, (0.6, 0.0)))
    assert rank(online, worse, {"a": 48.5, "b": 47.0}, lower) == (2, 3, 3, ("a",))


def test_without_a_score_there_is_no_rank(online, rerun):
    run = rerun({})
    found = compare(online, replace(run, scores=dict.fromkeys(run.scores)), PLAIN)
    assert found.verdict == "deviates"
    assert with_rank(found, {"a": 1.0}, PLAIN.ranking).rank is None


@pytest.mark.parametrize("column", ["total", "Score", "SCORE"])
def test_the_score_goes_by_many_names(tmp_path, column):
    official = load_profile("raim2026-flash-portrait")
    (tmp_path / "board.csv").write_text(f"team,{column}\na,86.10\n", encoding="utf-8-sig")
    assert read_scores(tmp_path / "board.csv", official, team=None) == {"a": 86.1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected the columns team and score or total"),
        ("name,score\na,1\n", "expected the columns team and score or total"),
        ("team,points\na,1\n", "expected the columns team and score or total"),
        (TEAMS, "has no team called 'nobody'"),
    ],
)
def test_boards_that_do_not_fit_are_told(tmp_path, content, message):
    (tmp_path / "board.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        read_scores(tmp_path / "board.csv", PLAIN, team="nobody")
    with pytest.raises(InputError, match="absent.csv: expected CSV in UTF-8"):
        read_scores(tmp_path / "absent.csv", PLAIN, team=None)


def test_what_is_no_number_is_no_score(tmp_path):
    (tmp_path / "board.csv").write_text("team,score\na,-\nb,nan\nc,inf\nd,\ne,3\n")
    assert read_scores(tmp_path / "board.csv", PLAIN, team=None) == {"e": 3.0}
