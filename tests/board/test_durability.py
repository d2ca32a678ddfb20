"""What a board survives: writers at once, locks, kills, full disks, and newer releases."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine, event, text

from gpu_metrics.board.database import BoardError
from gpu_metrics.board.history import history
from gpu_metrics.board.schema import SCHEMA
from gpu_metrics.board.store import Board
from gpu_metrics.board.view import standing
from gpu_metrics.errors import InputError
from tests.board.conftest import PROFILE

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

ADD = """
import sys
from datetime import UTC, datetime
from gpu_metrics.board.store import Board
from tests.board.conftest import PROFILE, make_run
place, writer, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
board = Board(place, create=True)
new = 0
for number in range(count):
    for run in (make_run(20 + number), make_run(30 + number, name=f"by {writer}")):
        at = datetime(2026, 3, 1, 12, tzinfo=UTC)
        new += board.add(run, PROFILE, team=f"team {number % 3}", phase="p", at=at).new
        print(new, flush=True)
"""


def writer(place, name, count):
    return subprocess.Popen(
        [sys.executable, "-c", ADD, place, name, str(count)], stdout=subprocess.PIPE, text=True
    )


def test_processes_add_at_once_and_double_nothing(place):
    processes = [writer(place, name, 20) for name in ("one", "two", "three")]
    new = [int(process.communicate(timeout=120)[0].split()[-1]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    # twenty runs that all three bring, and twenty of each
    assert sum(new) == 80
    board = Board(place)
    whats = [event.what for event in history(board)]
    assert whats.count("submission") == whats.count("run") == 80
    board.close()


def test_what_was_acknowledged_survives_a_kill(place):
    process = writer(place, "victim", 10_000)
    acknowledged = 0
    for line in process.stdout:
        acknowledged = int(line)
        if acknowledged >= 25:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    board = Board(place, create=True)
    events = [event.what for event in history(board)]
    assert events.count("submission") == events.count("run") >= acknowledged
    assert board.run(acknowledged).images
    board.close()


def test_a_locked_board_says_so_and_adds_nothing(place, make_run):
    board, patient = Board(place, create=True), Board(place, create=True, patience=0.2)
    board.add(make_run(28), PROFILE, team="a", phase="p", at=NOON)
    with board.writing(), pytest.raises(BoardError) as caught:
        patient.add(make_run(29), PROFILE, team="b", phase="p", at=NOON)
    assert str(caught.value).endswith(
        ": another process has kept it locked for 0.2 s; nothing was added, try again when that "
        "one is done"
    )
    assert patient.add(make_run(29), PROFILE, team="b", phase="p", at=NOON).new
    assert [place.team for place in standing(board, "p").places] == ["b", "a"]
    board.close()
    patient.close()


def test_readers_do_not_wait_for_a_writer(board, make_run):
    board.add(make_run(28), PROFILE, team="a", phase="p", at=NOON)
    with board.writing() as connection:
        connection.execute(text("DELETE FROM images"))
        began = time.monotonic()
        assert len(standing(board, "p").places) == 1
        assert time.monotonic() - began < 10
        connection.rollback()


def test_a_failure_halfway_leaves_nothing(board, make_run, monkeypatch):
    board.add(make_run(28), PROFILE, team="a", phase="p", at=NOON)
    before = history(board)
    monkeypatch.setattr("gpu_metrics.board.insertion.images", None)
    with pytest.raises(Exception, match="None"):
        board.add(make_run(29), PROFILE, team="b", phase="p", at=NOON)
    assert history(board) == before


def test_a_full_database_leaves_what_was_there(tmp_path, make_run):
    """SQLite's own limit of pages, which ends in the error of a full disk."""
    board = Board(tmp_path / "board.sqlite", create=True)
    event.listen(
        board._database._engine,
        "connect",
        lambda connection, record: connection.execute("PRAGMA max_page_count = 40"),
    )
    board._database._engine.dispose()
    fill_up(board, make_run)


def test_a_full_disk_leaves_what_was_there(tmp_path, make_run):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(tmp_path)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        fill_up(Board(tmp_path / "board.sqlite", create=True), make_run)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def fill_up(board, make_run):
    added = []
    with pytest.raises(BoardError, match="the disk is full; nothing was added and all that is th"):
        for number in range(1000):
            run = make_run(20 + number, images=30)
            board.add(run, PROFILE, team=f"team {number}", phase="p", at=NOON)
            added.append(run)
    places = standing(board, "p").places
    assert len(places) == len(added) > 1
    assert [board.run(place.run) for place in reversed(places)] == added
    board.close()


def execute(place, *statements):
    """What another release did to a board."""
    url = f"sqlite:///{place}" if "://" not in place else place.replace("://", "+psycopg://")
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.mark.parametrize("create", [False, True])
def test_a_board_of_an_older_layout_is_brought_up_to_date(place, make_run, create):
    board = Board(place, create=True)
    board.add(make_run(28), PROFILE, team="a", phase="p", at=NOON)
    board.close()
    execute(place, "DROP TABLE withdrawals", "UPDATE board SET schema_version = 1")
    for _ in range(2):
        board = Board(place, create=create)
        assert [place.team for place in standing(board, "p").places] == ["a"]
        board.close()
    board = Board(place)
    board.withdraw(1, reason="x")
    assert standing(board, "p").places == ()
    board.close()


def test_a_board_of_a_newer_layout_is_refused(place):
    Board(place, create=True).close()
    execute(place, f"UPDATE board SET schema_version = {SCHEMA + 1}")
    for create in (False, True):
        with pytest.raises(InputError, match=f"its layout is number {SCHEMA + 1}, this release"):
            Board(place, create=create)


@pytest.mark.parametrize("content", [b"no database at all, but quite a long text" * 30, b"SQLite"])
def test_a_file_that_is_no_database_is_told(tmp_path, content):
    place = tmp_path / "board.sqlite"
    place.write_bytes(content)
    with pytest.raises(BoardError, match="board.sqlite: damaged, or no board"):
        Board(place)
    assert place.read_bytes() == content


def test_a_damaged_file_is_told(tmp_path, make_run):
    place = tmp_path / "board.sqlite"
    board = Board(place, create=True)
    for number in range(40):
        board.add(make_run(number), PROFILE, team=f"{number}", phase="p", at=NOON)
    board.close()
    with place.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(place.stat().st_size - 8192))
    with pytest.raises(BoardError, match="damaged, or no board"):
        board = Board(place)
        for place_ in standing(board, "p").places:
            board.run(place_.run)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BoardError, match="absent/board.sqlite: cannot be used .unable to open"):
        Board(tmp_path / "absent" / "board.sqlite", create=True)


def test_commits_are_on_the_disk_before_they_are_acknowledged(tmp_path):
    board = Board(tmp_path / "board.sqlite", create=True)
    with board.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        full = 2
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == full
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    board.close()
