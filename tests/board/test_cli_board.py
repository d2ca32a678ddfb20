import csv
import io
import json
from functools import partial

import pytest

from gpu_metrics.board.store import Board, opened
from tests.board.conftest import PROFILE
from tests.board.test_view import NOON, OFFICIAL, TABLE_1, printed_run
from tests.engine.conftest import run_cli  # noqa: F401 - a fixture

PHASE = ["--phase", "phase2"]
AT = ["--at", "2026-03-01T12:00:00Z"]


@pytest.fixture
def db(tmp_path):
    return tmp_path / "board.sqlite"


@pytest.fixture
def record(tmp_path, make_run):
    """The path of a saved run record."""

    def record(level, name="run", folder=".", **options):
        path = tmp_path / folder / f"{name}.json"
        make_run(level, **options).save(path)
        return path

    return record


@pytest.fixture
def call(run_cli, db):  # noqa: F811
    """Run a verb of the board on `db`."""
    return lambda verb, *arguments: run_cli("board", verb, *arguments, "--db", db)


def test_add_tells_what_is_new(call, record):
    first, second = record(28, "one"), record(29, "two")
    outcome = call("add", first, second, "--team", "lab", *PHASE, *AT)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"{first}: added as submission 1\n{second}: added as submission 2\n"
    again = call("add", second, "--team", "lab", *PHASE)
    assert (again.code, again.out) == (0, f"{second}: there already, as submission 2\n")


def test_partial_records_are_kept_with_a_note(call, record):
    path = record(28, partial=True)
    outcome = call("add", path, "--team", "lab", *PHASE)
    assert (outcome.code, outcome.err) == (
        0,
        f"note: {path} is partial; it is kept and never ranks\n",
    )
    shown = call("show", *PHASE, "--format", "csv")
    assert (shown.code, shown.out) == (0, "place,team,psnr_y,ssim_y,lpips,total\n")


@pytest.mark.parametrize("at", ["2026-03-01", "2026-03-01T12:00:00", "noon"])
def test_times_have_a_zone(call, record, db, at):
    outcome = call("add", record(28), "--team", "lab", *PHASE, "--at", at)
    assert (outcome.code, outcome.out) == (2, "")
    assert (
        f"error: --at: expected a time with its zone, such as 2026-03-01T12:00:00Z, got {at!r}"
        in (outcome.err)
    )
    assert not db.exists()


def test_a_record_needs_its_profile(call, record, tmp_path):
    other = tmp_path / "own.toml"
    other.write_text(PROFILE.text.replace('version = "1.0"', 'version = "1.1"'), "utf-8")
    outcome = call("add", record(28), "--team", "lab", *PHASE, "--profile", other)
    assert outcome.code == 2
    assert (
        "scored by raindrop2026 1.0 (digest d89ee7697501), not by raindrop2026 1.1" in outcome.err
    )


def test_show_prints_intervals_and_groups(call, record):
    for team, level in [("a", 28.0), ("b", 29.0), ("c", 28.5)]:
        call("add", record(level, team, images=30), "--team", team, *PHASE, *AT)
    outcome = call("show", *PHASE)
    assert (outcome.code, outcome.err) == (0, "")
    assert "phase2: raindrop2026 1.0 (d89ee7697501), best of each team" in outcome.out
    lines = [line.split() for line in outcome.out.splitlines() if line.split()[:1] == ["1"]]
    assert lines[0][:2] == ["1", "b"]
    assert lines[0][-3:] == ["1", "1.000", "a"]

    document = json.loads(call("show", *PHASE, "--format", "json", "--seed", "3").out)
    assert [place["team"] for place in document["places"]] == ["b", "c", "a"]
    assert [place["group"] for place in document["places"]] == ["a", "b", "c"]
    low, high = document["places"][0]["interval"]
    assert low < document["places"][0]["values"]["total"] < high
    assert document["profile"]["digest"] == PROFILE.digest


def test_table_1_is_printed_as_published(call, db):
    with opened(db, create=True) as board:
        for team, *numbers in reversed(TABLE_1):
            board.add(printed_run(*numbers), OFFICIAL, team=team, phase="phase2", at=NOON)
    for team, lpips, *_ in TABLE_1:
        if lpips is None:
            struck = call("strike", "--team", team, *PHASE, "--reason", "deviates")
            assert (struck.code, struck.out) == (0, f"{team}, phase2: struck out\n")
    outcome = call("show", *PHASE, "--format", "csv")
    assert outcome.err.startswith("note: no intervals: the run of 'nunucccb' has no rows of images")
    titles, *rows = csv.reader(io.StringIO(outcome.out))
    assert titles == ["place", "team", "LPIPS_person", "dE_person", "GlobalScore", "Score"]
    assert rows == [
        [str(place), team, *("-" if lpips is None else text for text in cells), f"{score:.2f}"]
        for place, (team, lpips, delta_e, whole, score) in enumerate(TABLE_1, start=1)
        for cells in [[f"{lpips or 0:.4f}", f"{delta_e or 0:.2f}", f"{whole or 0:.4f}"]]
    ]


def test_strikes_withhold_details_everywhere(call, record):
    for team, level in [("a", 28.0), ("b", 29.0)]:
        call("add", record(level, team, images=30), "--team", team, *PHASE, *AT)
    call("strike", "--team", "b", *PHASE, "--reason", "deviates by 0.4")
    markdown = call("show", *PHASE, "--format", "markdown").out.splitlines()
    assert markdown[2] == "| 1 | b | - | - | - | 38.65 | - | - | - | - |"
    assert "28." not in json.dumps(
        json.loads(call("show", *PHASE, "--format", "json").out)["places"][0]
    )
    assert call("restore", "--team", "b", *PHASE, "--reason", "ours").out == "b, phase2: restored\n"
    assert call("show", *PHASE, "--format", "markdown").out.count("| - |") == 0
    events = json.loads(call("history", "--team", "b", "--format", "json").out)["events"]
    assert [event["what"] for event in events] == ["submission", "run", "strike", "restore"]


def test_a_wrong_file_is_withdrawn_and_stays_in_the_history(call, record):
    right, wrong = record(28, "right"), record(29, "wrong")
    for path in (right, wrong):
        assert call("add", path, "--team", "a", *PHASE, *AT).code == 0
    assert call("withdraw", 2, "--reason", "not theirs").out == "submission 2: withdrawn\n"
    assert call("withdraw", 2, "--reason", "x").out == "submission 2: withdrawn already\n"
    again = call("add", wrong, "--team", "a", *PHASE, *AT)
    assert again.out.endswith("there already, as submission 2\n")
    assert "is withdrawn (not theirs); `board reinstate` lets it rank again" in again.err
    events = json.loads(call("history", "--format", "json").out)["events"]
    assert [event["what"] for event in events if event["submission"] == 2] == [
        *("submission", "run", "withdraw")
    ]
    [place] = json.loads(call("show", *PHASE, "--format", "json").out)["places"]
    assert place["entries"] == 1
    assert call("reinstate", 2, "--reason", "theirs").out == "submission 2: reinstated\n"
    assert call("reinstate", 2, "--reason", "x").out == "submission 2: was not withdrawn\n"
    refused = call("withdraw", 9, "--reason", "x")
    assert refused.code == 2 and "there is none of number 9" in refused.err


def test_rescore_appends_and_lists_what_it_does_not_know(call, record, tmp_path):
    call("add", record(28, files={"0": "aa"}), "--team", "a", *PHASE)
    record(29, "1", folder="new", files={"0": "aa"}, engine="0.2.0")
    record(29, "2", folder="new", files={"0": "bb"})
    outcome = call("rescore", tmp_path / "new", *PHASE)
    assert (outcome.code, outcome.out) == (1, f"{tmp_path}/new/1.json: appended to submission 1\n")
    assert "no submission of 'phase2' has these files" in outcome.err
    assert "1 of 2 records belong to no submission" in outcome.err
    assert (
        call("rescore", tmp_path / "new", *PHASE).out == f"{tmp_path}/new/1.json: there already\n"
    )
    assert call("rescore", tmp_path / "absent", *PHASE).code == 2


def test_export_and_import(call, record, run_cli, tmp_path):  # noqa: F811
    call("add", record(28), "--team", "a", *PHASE)
    file = tmp_path / "board.jsonl"
    assert call("export", "-o", file).code == 0
    assert call("export").out == file.read_text("utf-8")
    copy = ("--db", tmp_path / "copy.sqlite")
    assert run_cli("board", "import", file, *copy).out == "new: 1 submissions, 1 runs, 0 marks\n"
    assert run_cli("board", "import", file, *copy).out == "new: 0 submissions, 0 runs, 0 marks\n"
    assert run_cli("board", "export", *copy).out == file.read_text("utf-8")


def test_wrong_use_is_told(call, run_cli, record, db):  # noqa: F811
    assert (call("show", *PHASE).code, db.exists()) == (2, False)
    call("add", record(28), "--team", "a", *PHASE)
    assert "phase: 'phase3' is not on the board; there are 'phase2'; did you mean" in (
        call("show", "--phase", "phase3").err
    )
    assert call("strike", "--team", "b", *PHASE, "--reason", "x").code == 2
    assert call("import", record(28)).code == 2


def test_a_locked_board_is_an_engine_failure(call, record, db, monkeypatch):
    Board(db, create=True).close()
    monkeypatch.setattr("gpu_metrics.board.store.Board", partial(Board, patience=0.1))
    with opened(db) as board, board.writing():
        outcome = call("add", record(28), "--team", "a", *PHASE)
    assert outcome.code == 4
    assert "another process has kept it locked for 0.1 s; nothing was added" in outcome.err
