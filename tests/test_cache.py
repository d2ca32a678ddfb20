import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_metrics.cache import CachedRow, RowCache
from gpu_metrics.errors import CacheError

ROWS = {f"key {i}": CachedRow({"psnr": 0.1 * i, "lpips": None}, "png", ("a",)) for i in range(60)}

# each key is announced once its row is kept
WRITER = """
import sys
from gpu_metrics.cache import CachedRow, RowCache
folder, name = sys.argv[1:]
cache = RowCache(folder)
for number in range(100_000):
    cache.put({f"{name} {number}": CachedRow({"psnr": number / 7})})
    print(number, flush=True)
"""

# no file may grow beyond 64 KiB, as on a disk that has filled up
CROWDED = """
import resource, sys
from gpu_metrics.cache import CachedRow, RowCache
cache = RowCache(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
for number in range(10_000):
    cache.put({f"row {number}": CachedRow({"psnr": number / 7})})
    print(number, flush=True)
"""


# opens as soon as it is told to
OPENER = """
import sys
from gpu_metrics.cache import RowCache
print("ready", flush=True)
sys.stdin.readline()
RowCache(sys.argv[1])
"""


def run(script, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def cache(tmp_path):
    with RowCache(tmp_path) as opened:
        yield opened


@pytest.fixture
def filled(tmp_path):
    with RowCache(tmp_path) as opened:
        opened.put(ROWS)
    return tmp_path / "rows.sqlite"


@pytest.fixture(scope="module")
def endless(tmp_path_factory):
    with RowCache(tmp_path_factory.mktemp("endless")) as opened:
        yield opened


def test_rows_come_back_and_unknown_keys_do_not(cache):
    cache.put(ROWS)
    assert cache.get_many([*ROWS, "another"]) == ROWS
    assert cache.get_many([]) == {}


@given(value=st.floats(allow_nan=False, allow_infinity=False) | st.none())
def test_values_keep_every_bit(endless, value):
    key = repr(value)
    endless.put({key: CachedRow({"measure": value})})
    back = endless.get_many([key])[key].values["measure"]
    assert (type(back), repr(back)) == (type(value), repr(value))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_score_is_never_kept(cache, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        cache.put({"good": CachedRow({"psnr": 1.0}), "bad": CachedRow({"psnr": value})})
    assert cache.get_many(["good", "bad"]) == {}


def test_the_first_row_of_a_key_stays(cache):
    cache.put({"key": CachedRow({"psnr": 1.0})})
    cache.put({"key": CachedRow({"psnr": 2.0})})
    assert cache.get_many(["key"]) == {"key": CachedRow({"psnr": 1.0})}


def test_threads_share_one_cache(cache):
    def work(number):
        for key, row in ROWS.items():
            cache.put({f"{key} of {number}": row})
            assert cache.get_many([f"{key} of {number}"]) == {f"{key} of {number}": row}

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = [f"{key} of {number}" for key in ROWS for number in range(4)]
    assert len(cache.get_many(keys)) == len(keys)


def test_processes_share_one_file_and_lose_nothing_when_killed(tmp_path):
    names = ["one", "two", "three"]
    writers = [run(WRITER, tmp_path, name) for name in names]
    for writer in writers:
        while int(writer.stdout.readline()) < 50:
            pass
        writer.kill()
    kept = {
        f"{name} {number}": CachedRow({"psnr": number / 7})
        for name, writer in zip(names, writers, strict=True)
        for number in range(51 + len(writer.communicate()[0].split()))
    }
    assert [writer.returncode for writer in writers] == [-signal.SIGKILL] * 3
    with RowCache(tmp_path) as cache:
        assert cache.get_many(kept) == kept


def test_processes_may_open_a_new_file_at_once(tmp_path):
    openers = [run(OPENER, tmp_path / str(round)) for round in range(4) for _ in range(3)]
    for opener in openers:
        opener.stdout.readline()
    for opener in openers:
        opener.stdin.write("\n")
        opener.stdin.flush()
    assert [opener.communicate()[1] for opener in openers] == [""] * len(openers)


def test_a_full_disk_is_told_and_earlier_rows_stay(tmp_path):
    out, err = run(CROWDED, tmp_path).communicate()
    path = tmp_path / "rows.sqlite"
    assert f"CacheError: {path}: cannot be used (" in err
    assert "make room, or name a folder of a local disk that can be written" in err
    kept = {f"row {number}": CachedRow({"psnr": int(number) / 7}) for number in out.split()}
    assert kept
    with RowCache(tmp_path) as cache:
        assert cache.get_many(kept) == kept
        cache.put({"next": CachedRow({"psnr": 1.0})})


def test_a_locked_file_is_waited_for(filled):
    other = sqlite3.connect(filled, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.3, other.execute, ["COMMIT"])
    release.start()
    with RowCache(filled.parent) as cache:
        cache.put({"new": CachedRow({"psnr": 1.0})})
        assert len(cache.get_many(["new"])) == 1
    release.join()
    other.close()


def test_a_file_that_stays_locked_is_told(filled):
    other = sqlite3.connect(filled, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with RowCache(filled.parent, patience=0.05) as cache:
        assert cache.get_many(ROWS) == ROWS
        with pytest.raises(CacheError) as caught:
            cache.put({"new": CachedRow({"psnr": 1.0})})
    assert str(caught.value) == (
        f"{filled}: another process has kept it locked for 0.05 s; wait until that one is done, "
        "or name another folder"
    )
    other.close()


@pytest.mark.parametrize("text", [b"no database at all, " * 100, b"\x00" * 5000])
def test_a_file_that_is_no_cache_is_told_and_kept(tmp_path, text):
    file = tmp_path / "rows.sqlite"
    file.write_bytes(text)
    with pytest.raises(CacheError, match="damaged, or no cache of rows .* delete it, and its"):
        RowCache(tmp_path)
    assert file.read_bytes() == text


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="file/cache: cannot be made: Not a directory"):
        RowCache(tmp_path / "file" / "cache")


def test_a_file_that_cannot_be_opened_is_told(tmp_path):
    (tmp_path / "rows.sqlite").mkdir()
    with pytest.raises(CacheError, match="rows.sqlite: cannot be used .unable to open"):
        RowCache(tmp_path)


def test_no_flipped_bit_is_ever_served(filled):
    """Wherever it strikes: the row is as it was, is unknown, or the damage is told."""
    sound, told, served = filled.read_bytes(), 0, 0
    choose = random.Random(0)
    for _ in range(300):
        damaged = bytearray(sound)
        damaged[choose.randrange(len(sound))] ^= 1 << choose.randrange(8)
        filled.write_bytes(damaged)
        try:
            with RowCache(filled.parent) as cache:
                found = cache.get_many(ROWS)
        except CacheError:
            told += 1
            continue
        assert found.items() <= ROWS.items()
        served += found == ROWS
    # both happen, or the test would prove nothing
    assert told > 30
    assert served > 30


def test_a_truncated_file_is_told(filled):
    os.truncate(filled, 4096)
    with pytest.raises(CacheError, match="delete it"), RowCache(filled.parent) as cache:
        cache.get_many(ROWS)
