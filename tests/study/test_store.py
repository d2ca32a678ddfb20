"""What the ballots of a study survive: writers at once, kills, full disks, damage."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from gpu_metrics.errors import InputError
from gpu_metrics.study.ballots import Ballot
from gpu_metrics.study.store import AlreadyCast, BallotsError, BallotStore
from tests.study.toy import toy_study

KINDS = ("practice", *["vote"] * 38, "repeat")

# each screen is announced once its ballot is kept
WRITER = """
import sys
from gpu_metrics.study.manifest import Manifest
from gpu_metrics.study.store import BallotStore
from tests.study.test_store import ballot_on
store = BallotStore(sys.argv[1], Manifest.load(sys.argv[2]))
for showing in store.manifest.seats[sys.argv[3]].showings:
    store.cast(sys.argv[3], ballot_on(showing, comment=1500 * "a"))
    print(showing.screen, flush=True)
"""

# no file may grow beyond 32 KiB, as on a disk that has filled up
CROWDED = WRITER.replace("for showing", "import resource\nLIMIT\nfor showing", 1).replace(
    "LIMIT", "resource.setrlimit(resource.RLIMIT_FSIZE, (32768, 32768))"
)


def ballot_on(showing, *, comment="", **changes):
    given = {"screen": showing.screen, "picks": showing.order[:3], "ordered": True, "seconds": 2.5}
    return Ballot(**given | {"comment": comment} | changes)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "toy"
    return folder, toy_study(folder, kinds=KINDS, size=(24, 32))[0]


@pytest.fixture
def store(study, tmp_path):
    with BallotStore(tmp_path / "ballots.sqlite", study[1]) as opened:
        yield opened


def run(script, path, study, juror="juror-1"):
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path), str(study[0] / "manifest.json"), juror],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ballots_come_back_by_juror_and_in_order(store):
    showings = store.manifest.seats["juror-2"].showings
    ballots = [ballot_on(s, comment="\u00e9\x00\n\U0001f600") for s in showings[:3]]
    assert [store.cast("juror-2", ballot) for ballot in ballots] == [True] * 3
    assert [item.ballot for item in store.of("juror-2")] == ballots
    assert store.of("juror-1") == []
    assert store.all() == store.of("juror-2")


def test_a_screen_is_voted_once(store):
    first, second = store.manifest.seats["juror-1"].showings[:2]
    assert store.cast("juror-1", ballot_on(first))
    assert not store.cast("juror-1", ballot_on(first))
    with pytest.raises(AlreadyCast, match=f"screen {first.screen}: another ballot was cast"):
        store.cast("juror-1", ballot_on(first, seconds=3.0))
    assert store.cast("juror-2", ballot_on(first, seconds=3.0))
    assert store.cast("juror-1", ballot_on(second))
    assert len(store.all()) == 3


def test_of_a_list_all_are_kept_or_none(store):
    first, second, third = store.manifest.seats["juror-1"].showings[:3]
    store.cast("juror-1", ballot_on(second))
    with pytest.raises(AlreadyCast):
        store.cast_all("juror-1", [ballot_on(first), ballot_on(second, ordered=False)])
    with pytest.raises(InputError, match="picks"):
        store.cast_all("juror-1", [ballot_on(first), ballot_on(third, picks=())])
    assert len(store.all()) == 1
    assert store.cast_all("juror-1", map(ballot_on, (first, second, third))) == 2


def test_progress_tells_how_far_jurors_are(store):
    for showing, seconds in zip(
        store.manifest.seats["juror-1"].showings, (1.0, 5.0, 9.0), strict=False
    ):
        store.cast("juror-1", ballot_on(showing, seconds=seconds))
    one, two = store.progress()
    assert (one.juror, one.cast, one.total, one.median_seconds) == ("juror-1", 3, 40, 5.0)
    assert one.last == store.all()[-1].received
    assert (two.juror, two.cast, two.last, two.median_seconds) == ("juror-2", 0, None, None)


def test_of_two_ballots_at_once_one_is_kept(study, tmp_path):
    path = tmp_path / "ballots.sqlite"
    told = []

    def vote(showing, seconds):
        with BallotStore(path, study[1]) as store:
            barrier.wait()
            try:
                told.append(store.cast("juror-1", ballot_on(showing, seconds=seconds)))
            except AlreadyCast:
                told.append(None)

    for showing in study[1].seats["juror-1"].showings[:5]:
        barrier = threading.Barrier(4)
        threads = [threading.Thread(target=vote, args=(showing, float(i))) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(told, key=str) == [None] * 15 + [True] * 5


def test_a_store_of_another_study_is_refused(store, tmp_path):
    other, _ = toy_study(tmp_path / "other", seed=1, size=(24, 32))
    with pytest.raises(InputError, match="holds ballots of another study .manifest"):
        BallotStore(store.path, other)


@pytest.mark.parametrize("statement", ["UPDATE ballots SET received = ''", "DELETE FROM ballots"])
def test_the_file_only_grows(store, statement):
    store.cast("juror-1", ballot_on(store.manifest.seats["juror-1"].showings[0]))
    other = sqlite3.connect(store.path)
    with pytest.raises(sqlite3.IntegrityError, match="a ballot is never"):
        other.execute(statement)
    other.close()


def test_a_copy_of_the_file_alone_is_whole(store, tmp_path):
    ballots = [ballot_on(s) for s in store.manifest.seats["juror-1"].showings]
    for ballot in ballots:
        store.cast("juror-1", ballot)
    (tmp_path / "copy.sqlite").write_bytes(store.path.read_bytes())
    with BallotStore(tmp_path / "copy.sqlite", store.manifest) as copy:
        assert copy.all() == store.all()


def test_processes_that_are_killed_lose_nothing(study, tmp_path):
    path = tmp_path / "ballots.sqlite"
    writers = {juror: run(WRITER, path, study, juror) for juror in ("juror-1", "juror-2")}
    acknowledged = set()
    for juror, writer in writers.items():
        for _ in range(12):
            acknowledged.add((juror, writer.stdout.readline().strip()))
        writer.kill()
    for juror, writer in writers.items():
        acknowledged |= {(juror, screen) for screen in writer.stdout.read().split()}
        writer.communicate()
        assert writer.returncode == -signal.SIGKILL
    with BallotStore(path, study[1]) as store:
        kept = [(item.juror, item.ballot.screen) for item in store.all()]
    assert acknowledged <= {*kept}
    # one more of each may have been kept and not announced
    assert len(kept) == len({*kept}) <= len(acknowledged) + 2


def test_a_ballot_is_on_the_disk_before_it_is_acknowledged(store):
    """No power is cut here: SQLite promises to wait for the disk in this mode (FULL is 2)."""
    [mode], [level] = (
        store._file._connection.execute(f"PRAGMA {name}").fetchone()
        for name in ("journal_mode", "synchronous")
    )
    assert (mode, level) == ("wal", 2)


def test_a_full_disk_is_told_and_earlier_ballots_stay(study, tmp_path):
    path = tmp_path / "ballots.sqlite"
    out, err = run(CROWDED, path, study).communicate()
    assert f"BallotsError: {path}: nothing was added, all that is there is intact (" in err
    with BallotStore(path, study[1]) as store:
        assert {item.ballot.screen for item in store.all()} >= {*out.split()} != set()
        assert store.cast("juror-2", ballot_on(study[1].seats["juror-2"].showings[0]))


def test_a_file_that_stays_locked_is_told(store):
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(BallotsError, match="another process has kept it locked for 0.05 s"):
        BallotStore(store.path, store.manifest, patience=0.05)
    other.close()


@pytest.mark.parametrize("text", [b"no database at all, " * 100, b"\x00" * 5000])
def test_a_file_that_is_no_store_is_told_and_kept(study, tmp_path, text):
    path = tmp_path / "ballots.sqlite"
    path.write_bytes(text)
    with pytest.raises(BallotsError, match="damaged, or no file of ballots"):
        BallotStore(path, study[1])
    assert path.read_bytes() == text


def test_a_file_that_cannot_be_opened_is_told(study, tmp_path):
    with pytest.raises(BallotsError, match="unable to open"):
        BallotStore(tmp_path, study[1])


def test_a_ballot_that_was_changed_is_told(store):
    store.cast("juror-1", ballot_on(store.manifest.seats["juror-1"].showings[0]))
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("DROP TRIGGER never_changed")
    other.execute("UPDATE ballots SET ballot = replace(ballot, '2.5', '2.0')")
    other.close()
    for read in (store.all, store.progress, lambda: store.of("juror-1")):
        with pytest.raises(BallotsError, match="a ballot does not match its checksum"):
            read()


def test_no_flipped_bit_is_ever_served(study, tmp_path):
    """Wherever it strikes: all ballots are as they were, or the damage is told."""
    path = tmp_path / "ballots.sqlite"
    with BallotStore(path, study[1]) as store:
        for showing in study[1].seats["juror-1"].showings:
            store.cast("juror-1", ballot_on(showing))
        sound = store.all()
    data, told, served = path.read_bytes(), 0, 0
    choose = random.Random(0)
    for _ in range(400):
        damaged = bytearray(data)
        damaged[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
        path.write_bytes(damaged)
        for journal in tmp_path.glob("ballots.sqlite-*"):
            journal.unlink()
        try:
            with BallotStore(path, study[1]) as store:
                assert store.all() == sound
            served += 1
        except (BallotsError, InputError):
            told += 1
    # both happen, or the test would prove nothing
    assert told > 30
    assert served > 30


def test_a_truncated_file_is_told(study, store):
    store.cast("juror-1", ballot_on(study[1].seats["juror-1"].showings[0]))
    store.close()
    os.truncate(store.path, 4096)
    with pytest.raises(BallotsError, match="restore it from a copy"):
        BallotStore(store.path, study[1])
