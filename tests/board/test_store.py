from datetime import UTC, datetime, timedelta, timezone

import pytest

from gpu_metrics.board.history import history
from gpu_metrics.board.store import Board
from gpu_metrics.board.view import standing
from gpu_metrics.errors import InputError
from gpu_metrics.profiles import load_profile
from tests.board.conftest import PROFILE

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FILES = {"000": "aa", "001": "bb"}


def test_a_run_comes_back_as_it_was_added(board, make_run):
    run = make_run(28.123456789, files=FILES)
    board.add(run, PROFILE, team="lab", phase="phase 2", at=NOON)
    (place,) = standing(board, "phase 2").places
    assert board.run(place.run) == run
    assert board.rows([place.run])[place.run] == [(r.id, r.values, r.pixels) for r in run.images]
    assert (place.value, place.at, place.submission) == (run.scores["total"], NOON, "submission")
    assert place.values == {**run.means, **run.scores}


def test_the_profile_is_kept_as_it_was(board, make_run):
    board.add(make_run(28), PROFILE, team="lab", phase="p", at=NOON)
    assert standing(board, "p").profile == PROFILE


def test_the_same_run_is_told_not_doubled(board, make_run):
    first = board.add(make_run(28), PROFILE, team="lab", phase="p", at=NOON)
    again = board.add(make_run(28), PROFILE, team="lab", phase="p", at=NOON + timedelta(1))
    assert (first.new, again.new) == (True, False)
    assert first.submission == again.submission
    assert [event.what for event in history(board)] == ["submission", "run"]


def test_other_teams_and_phases_may_have_the_same_run(board, make_run):
    for team, phase in [("a", "p"), ("b", "p"), ("a", "q")]:
        assert board.add(make_run(28), PROFILE, team=team, phase=phase, at=NOON).new
    assert [place.team for place in standing(board, "p").places] == ["a", "b"]
    assert [place.team for place in standing(board, "q").places] == ["a"]


def test_a_rescore_appends_and_counts(board, make_run):
    board.add(make_run(28, files=FILES), PROFILE, team="a", phase="p", at=NOON)
    board.add(make_run(28, files=FILES, name="b"), PROFILE, team="b", phase="p", at=NOON)
    newer = make_run(29, files=FILES, engine="0.2.0")

    assert [added.new for added in board.rescore(newer, PROFILE, phase="p")] == [True, True]
    assert [added.new for added in board.rescore(newer, PROFILE, phase="p")] == [False, False]

    places = standing(board, "p").places
    assert [place.value for place in places] == [newer.scores["total"]] * 2
    runs = [event for event in history(board, team="a") if event.what == "run"]
    assert [run.detail[-12:] for run in runs] == ["engine 0.1.0", "engine 0.2.0"]


def test_a_partial_rescore_leaves_the_score_that_was(board, make_run):
    complete = make_run(28, files=FILES)
    board.add(complete, PROFILE, team="a", phase="p", at=NOON)
    board.rescore(make_run(30, files=FILES, partial=True), PROFILE, phase="p")
    assert standing(board, "p").places[0].value == complete.scores["total"]


@pytest.mark.parametrize(
    ("files", "phase", "message"),
    [
        ({"000": "aa"}, "p", "no submission of 'p' has these files"),
        (FILES, "q", "no submission of 'q' has these files"),
        ({}, "p", "the record holds no hashes of its files"),
    ],
)
def test_a_rescore_needs_a_submission_of_the_same_files(board, make_run, files, phase, message):
    board.add(make_run(28, files=FILES), PROFILE, team="a", phase="p", at=NOON)
    with pytest.raises(InputError, match=f"submission: {message}"):
        board.rescore(make_run(29, files=files), PROFILE, phase=phase)


def test_strikes_and_restorations_alternate(board, make_run):
    board.add(make_run(28), PROFILE, team="a", phase="p", at=NOON)
    assert not board.restore("a", "p", reason="a mistake")
    assert board.strike("a", "p", reason="deviates by 0.4")
    assert not board.strike("a", "p", reason="again")
    assert standing(board, "p").places[0].struck == "deviates by 0.4"
    assert board.restore("a", "p", reason="a mistake")
    assert standing(board, "p").places[0].struck is None
    kept = [(event.what, event.detail) for event in history(board)[2:]]
    assert kept == [("strike", "deviates by 0.4"), ("restore", "a mistake")]


def test_only_who_submitted_can_be_struck_out(board, make_run):
    board.add(make_run(28), PROFILE, team="nanbei", phase="p", at=NOON)
    board.add(make_run(28), PROFILE, team="other", phase="q", at=NOON)
    with pytest.raises(InputError, match="'nanbie' has no submission in 'p'; did you mean 'nanbei"):
        board.strike("nanbie", "p", reason="x")
    with pytest.raises(InputError, match="'other' has no submission in 'p'"):
        board.strike("other", "p", reason="x")
    with pytest.raises(InputError, match="reason: expected one line of 1 to 1000 characters"):
        board.strike("nanbei", "p", reason=" ")


def test_what_is_withdrawn_does_not_rank_until_it_is_reinstated(board, make_run):
    levels = {"better": 29, "worse": 28}
    number = {}
    for hours, (name, level) in enumerate(levels.items()):
        run = make_run(level, name=name)
        at = NOON + timedelta(hours=hours)
        number[name] = board.add(run, PROFILE, team="a", phase="p", at=at).submission

    def shown(pick="best"):
        return [
            (place.submission, place.entries) for place in standing(board, "p", pick=pick).places
        ]

    assert shown() == [("better", 2)] and shown("last") == [("worse", 2)]
    assert board.withdraw(number["better"], reason="another challenge's files")
    assert not board.withdraw(number["better"], reason="again")
    assert shown() == shown("last") == [("worse", 1)]
    # handing it in again does not bring it back
    again = board.add(make_run(29, name="better"), PROFILE, team="a", phase="p", at=NOON)
    assert not again.new and shown() == [("worse", 1)]
    assert board.why_withdrawn(number["better"]) == "another challenge's files"
    board.withdraw(number["worse"], reason="by the team's wish")
    assert shown() == []
    assert board.reinstate(number["better"], reason="a mistake")
    assert not board.reinstate(number["better"], reason="again")
    assert shown() == [("better", 1)] and board.why_withdrawn(number["better"]) is None
    said = [(e.what, e.submission, e.detail) for e in history(board)[4:]]
    assert said == [
        ("withdraw", number["better"], "another challenge's files"),
        ("withdraw", number["worse"], "by the team's wish"),
        ("reinstate", number["better"], "a mistake"),
    ]


def test_a_withdrawal_needs_a_submission_and_a_reason(board, make_run):
    number = board.add(make_run(28), PROFILE, team="a", phase="p", at=NOON).submission
    with pytest.raises(InputError, match=f"submission: there is none of number {number + 1}; "):
        board.withdraw(number + 1, reason="x")
    with pytest.raises(InputError, match="reason: expected one line of 1 to 1000 characters"):
        board.withdraw(number, reason="two\nlines")
    assert len(standing(board, "p").places) == 1


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "x" * 101, "bell\x07", "\ud800"])
def test_names_are_one_printable_line(board, make_run, name):
    for names in ({"team": name, "phase": "p"}, {"team": "t", "phase": name}):
        with pytest.raises(InputError, match="expected one line of 1 to 100 characters"):
            board.add(make_run(28), PROFILE, **names, at=NOON)
    assert history(board) == []


def test_names_in_any_script_are_kept(board, make_run):
    run = make_run(28, name="提出\x00.zip")
    board.add(run, PROFILE, team="北京队 №1; DROP TABLE teams", phase="p", at=NOON)
    (place,) = standing(board, "p").places
    assert (place.team, place.submission) == ("北京队 №1; DROP TABLE teams", "提出\\x00.zip")
    assert board.run(place.run) == run


def test_a_run_of_other_rules_is_refused(board, make_run):
    other = load_profile("raindrop2025")
    with pytest.raises(InputError, match="scored by raindrop2026 1.0 .* not by raindrop2025 1.0"):
        board.add(make_run(28), other, team="a", phase="p", at=NOON)
    assert history(board) == []


def test_times_need_a_zone_and_are_kept_in_utc(board, make_run):
    with pytest.raises(InputError, match="at: expected a time with its zone, such as 2026-03-01T"):
        board.add(make_run(28), PROFILE, team="a", phase="p", at=datetime(2026, 3, 1))
    east = datetime(2026, 3, 1, 20, tzinfo=timezone(timedelta(hours=8)))
    board.add(make_run(28), PROFILE, team="a", phase="p", at=east)
    assert standing(board, "p").places[0].at == NOON


def test_there_must_be_a_board(tmp_path):
    place = tmp_path / "absent.sqlite"
    with pytest.raises(InputError, match="absent.sqlite: no such board; `gpu-metrics board add`"):
        Board(place)
    assert not place.exists()
    place.touch()
    with pytest.raises(InputError, match="absent.sqlite: holds no board"):
        Board(place)


@pytest.mark.parametrize("place", ["mysql://x/y", "://", "sqlite://", "http://a:secret@b:c"])
def test_a_place_is_a_file_or_a_known_url(place):
    with pytest.raises(InputError, match="expected a file, sqlite:///FILE or") as caught:
        Board(place, create=True)
    assert "secret" not in str(caught.value)


def test_passwords_are_not_told():
    with pytest.raises(Exception, match="cannot be used") as caught:
        Board("postgresql://host:secret@127.0.0.1:1/x", create=True)
    assert "secret" not in str(caught.value)
