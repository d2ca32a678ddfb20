import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gpu_metrics.board.history import history
from gpu_metrics.board.store import Board
from gpu_metrics.board.transfer import Imported, export_board, import_board
from gpu_metrics.board.view import standing
from gpu_metrics.errors import InputError
from gpu_metrics.profiles import load_profile
from tests.board.conftest import PROFILE, fresh

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OTHER = load_profile("raindrop2025")


@pytest.fixture
def filled(board, make_run):
    """Three teams, two phases, two profiles, a rescore, a partial run and four marks."""
    add = board.add
    add(make_run(28, files={"0": "aa"}), PROFILE, team="a", phase="p", at=NOON)
    add(make_run(29), PROFILE, team="b", phase="p", at=NOON - timedelta(1))
    add(make_run(27, partial=True), PROFILE, team="c", phase="p", at=NOON)
    add(make_run(26, profile=OTHER), OTHER, team="a", phase="q", at=NOON)
    board.rescore(make_run(30, files={"0": "aa"}, engine="2"), PROFILE, phase="p")
    board.strike("b", "p", reason="“why not”, it said")
    board.restore("b", "p", reason="a mistake")
    wrong = board.add(make_run(31), PROFILE, team="c", phase="p", at=NOON).submission
    board.withdraw(wrong, reason="a wrong file")
    board.reinstate(wrong, reason="it was right")
    board.withdraw(wrong, reason="it was not")
    return board


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request, tmp_path):
    """An empty board in a database of either kind."""
    place = tmp_path / "other.sqlite"
    if request.param == "postgresql":
        place = fresh(request.getfixturevalue("postgres"))
    other = Board(place, create=True)
    yield other
    other.close()


def places(board, phase):
    """A standing but for the numbers of its runs, which each database gives out by itself."""
    return [replace(place, run=0) for place in standing(board, phase).places]


def test_an_export_makes_the_same_board_in_either_database(filled, elsewhere):
    lines = list(export_board(filled))
    assert import_board(elsewhere, lines) == Imported(submissions=5, runs=6, marks=5)
    assert list(export_board(elsewhere)) == lines
    assert history(elsewhere) == history(filled)
    for phase in ("p", "q"):
        assert places(elsewhere, phase) == places(filled, phase)


def test_an_import_adds_only_what_is_new(filled, elsewhere, make_run):
    lines = list(export_board(filled))
    import_board(elsewhere, lines)
    assert import_board(elsewhere, lines) == Imported(0, 0, 0)
    filled.add(make_run(33), PROFILE, team="d", phase="p", at=NOON)
    filled.strike("a", "p", reason="x")
    filled.withdraw(1, reason="y")
    assert import_board(elsewhere, export_board(filled)) == Imported(1, 1, 2)
    assert places(elsewhere, "p") == places(filled, "p")


def test_an_export_of_an_older_layout_is_read(filled, elsewhere):
    first, *lines = [json.loads(line) for line in export_board(filled)]
    for line in lines:
        line.pop("withdrawals", None)
    assert first == {"board": 2}
    older = [json.dumps(line) for line in ({"board": 1}, *lines)]
    assert import_board(elsewhere, older) == Imported(submissions=5, runs=6, marks=2)
    assert "a wrong file" not in [event.detail for event in history(elsewhere)]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda lines: lines[1:], "line 1: .*with which an export begins"),
        (lambda lines: [*lines, "{"], "line 11: .*Expecting"),
        (lambda lines: [*lines, "[]"], "line 11: "),
        (lambda lines: [*lines, "{}"], "line 11: .*neither a profile, a submission nor a mark"),
        (
            lambda lines: [lines[0], *lines[3:]],
            "line 2: .*profile .* is not among the lines before",
        ),
        (
            lambda lines: [line.replace('"means"', '"meams"') for line in lines],
            "line 4: .*expected",
        ),
        (lambda lines: ["PNG"], "line 1: .*Expecting"),
    ],
    ids=["headless", "cut", "list", "empty", "no profile", "other keys", "no JSON"],
)
def test_a_line_at_fault_is_named_and_nothing_is_added(filled, elsewhere, spoil, message):
    with pytest.raises(InputError, match=message):
        import_board(elsewhere, spoil(list(export_board(filled))))
    assert history(elsewhere) == []


def test_lines_are_json_that_other_programs_read(filled):
    entries = [json.loads(line) for line in export_board(filled)]
    assert [next(iter(entry)) for entry in entries] == [
        "board",
        *["profile"] * 2,
        *["submission"] * 5,
        *["struck"] * 2,
    ]
    assert entries[3]["runs"][1]["record"]["means"]["psnr_y"] == 30.15
    assert [word["reason"] for word in entries[7]["withdrawals"]][:2] == [
        *("a wrong file", "it was right")
    ]
