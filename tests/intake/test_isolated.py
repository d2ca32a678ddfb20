"""Decoders that crash, hang or eat memory cost one file; ids begin with a line of bad inputs."""

import hashlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gpu_metrics.errors import EngineError, InputError
from gpu_metrics.intake import isolated
from gpu_metrics.intake.isolated import Workers
from tests.intake.files import encoded, opencv, photo

COLOR = 1
RGB = photo()
JPEG = encoded(".jpg", RGB)

# a process that decodes, unless the file tells it what to do instead
STUB = """
import ctypes, os, signal, time
from pathlib import Path
import numpy as np
from gpu_metrics.intake import worker

def text(words):
    return np.frombuffer(repr(words).encode(), np.uint8)[None]

def decode(data, flags):
    match data.split(b":"):
        case [b"abort"]:
            os.abort()
        case [b"segfault"]:
            ctypes.string_at(0)
        case [b"kill"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case [b"hang"]:
            time.sleep(600)
        case [b"spin"]:
            while True:
                pass
        case [b"eat"]:
            return np.ones((1 << 34, 1), np.uint8)
        case [b"eat bytes"]:
            bytearray(1 << 34)
        case [b"babble"]:
            for descriptor in os.listdir("/proc/self/fd"):
                try:
                    os.write(int(descriptor), bytes([255] * 64))
                except OSError:
                    pass
        case [b"once", mark]:
            if not Path(mark.decode()).exists():
                Path(mark.decode()).touch()
                os.abort()
            return text("alive")
        case [b"environment"]:
            return text(dict(os.environ))
        case [b"descriptors"]:
            return text(sorted(os.listdir("/proc/self/fd")))
        case [b"session"]:
            return text(os.getsid(0))
        case _:
            return worker.opencv(data, flags)

worker.serve(decode)
"""
COMMAND = (sys.executable, "-P", "-c", STUB)


@pytest.fixture
def workers():
    pools = []

    def start(limit=1, *, command=COMMAND, seconds=10):
        pools.append(Workers(limit, command=command, seconds=seconds))
        return pools[-1]

    yield start
    for pool in pools:
        pool.close()


def ask(pool: Workers, data: bytes) -> np.ndarray:
    return pool.decode(data, flags=COLOR, pixels=100_000)[0]


def tell(pool: Workers, data: bytes) -> str:
    return ask(pool, data).tobytes().decode()


def crashes(data: bytes) -> str:
    start = hashlib.sha256(data).hexdigest()[:16]
    return f"crashes the decoder or keeps it busy without end (sha256 {start}...)"


def test_decodes_as_opencv_does(workers):
    pixels, decoder = workers().decode(JPEG, flags=COLOR, pixels=RGB[..., 0].size)
    np.testing.assert_array_equal(pixels, opencv(JPEG))
    assert decoder.startswith("opencv ")


@pytest.mark.parametrize("fault", ["line-55 kill", "line-56 abort", "line-56 segfault", "babble"])
def test_a_file_that_ends_its_process_is_refused_and_the_next_is_not(workers, fault):
    pool, data = workers(), fault.split()[-1].encode()
    with pytest.raises(InputError) as caught:
        ask(pool, data)
    assert str(caught.value) == crashes(data)
    np.testing.assert_array_equal(ask(pool, JPEG), opencv(JPEG))


def test_line_55_a_file_is_tried_twice(workers, tmp_path):
    assert tell(workers(), b"once:" + os.fsencode(tmp_path / "mark")) == "'alive'"


def test_line_55_a_process_killed_while_idle_costs_nothing(workers):
    pool = workers()
    ask(pool, JPEG)
    process = pool._idle[0]._process
    process.kill()
    process.wait()
    np.testing.assert_array_equal(ask(pool, JPEG), opencv(JPEG))


def test_line_57_a_file_that_hangs_is_refused(workers, monkeypatch):
    monkeypatch.setattr(isolated, "PATIENCE", 1)
    pool = workers(seconds=1)
    with pytest.raises(InputError, match="keeps it busy without end"):
        ask(pool, b"hang")
    np.testing.assert_array_equal(ask(pool, JPEG), opencv(JPEG))


def test_line_57_a_file_that_takes_all_processor_time_is_refused(workers, monkeypatch):
    monkeypatch.setattr(isolated, "PATIENCE", 1000)
    start = time.monotonic()
    with pytest.raises(InputError, match="keeps it busy without end"):
        ask(workers(seconds=1), b"spin")
    assert time.monotonic() - start < 500


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
@pytest.mark.parametrize("data", [b"eat", b"eat bytes"])
def test_a_file_that_takes_too_much_memory_is_refused_by_the_same_process(workers, data):
    pool = workers()
    ask(pool, JPEG)
    process = pool._idle[0]._process
    with pytest.raises(InputError, match="^takes more memory to decode than its size explains$"):
        ask(pool, data)
    np.testing.assert_array_equal(ask(pool, JPEG), opencv(JPEG))
    assert pool._idle[0]._process is process


def test_other_threads_do_not_notice(workers):
    pool = workers(2)
    files = [JPEG, b"abort", encoded(".bmp", RGB), b"kill", JPEG, b"no image", JPEG] * 3

    def outcome(data: bytes) -> np.ndarray | str:
        try:
            return ask(pool, data)
        except InputError as error:
            return str(error)

    with ThreadPoolExecutor(7) as threads:
        outcomes = list(threads.map(outcome, files))

    for data, found in zip(files, outcomes, strict=True):
        if data in (b"abort", b"kill"):
            assert found == crashes(data)
        elif data == b"no image":
            assert found.startswith("cannot be decoded as an image")
        else:
            np.testing.assert_array_equal(found, opencv(data))
    assert 1 <= len(pool._idle) <= 2


@pytest.mark.parametrize(
    "command", [("/nowhere/python",), (sys.executable, "-c", "raise SystemExit(3)")]
)
def test_a_process_that_does_not_start_is_no_fault_of_the_file(workers, command):
    with pytest.raises(EngineError, match="no process to decode|ends with code 3 at its start"):
        ask(workers(command=command), JPEG)


def test_processes_inherit_nothing_that_may_be_secret(workers, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hidden")
    pool, (read, write) = workers(), os.pipe()
    os.set_inheritable(write, True)
    try:
        assert "SECRET" not in tell(pool, b"environment")
        assert f"'{write}'" not in tell(pool, b"descriptors")
        # an interrupt from the keyboard reaches the session of the parent alone
        assert tell(pool, b"session") != str(os.getsid(0))
    finally:
        os.close(read)
        os.close(write)


def test_an_interrupted_request_leaves_no_process_out_of_step(workers, monkeypatch):
    pool = workers()
    ask(pool, JPEG)

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(isolated, "fill", interrupt)
        with pytest.raises(KeyboardInterrupt):
            ask(pool, encoded(".bmp", RGB))
    np.testing.assert_array_equal(ask(pool, JPEG), opencv(JPEG))


SCRIPT = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from gpu_metrics.intake.decoding import decode
from gpu_metrics.intake.isolated import WORKERS
from gpu_metrics.intake.policy import Policy

data = sys.stdin.buffer.read()
with ThreadPoolExecutor(2) as threads:
    for _ in threads.map(lambda _: decode(data, policy=Policy()), range(4)):
        pass
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
decoded = decode(data, policy=Policy())
if child:
    print(decoded.pixels.sum(), *(worker._process.pid for worker in WORKERS._idle))
else:
    WORKERS.close()
    os._exit(0)
"""


def test_scripts_need_no_guard_may_fork_and_leave_nothing_behind():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT], input=JPEG, capture_output=True, check=True
    )
    total, *processes = done.stdout.split()
    assert (int(total), done.stderr) == (int(opencv(JPEG).sum()), b"")
    assert processes
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(int(process), 0)


def test_a_process_imports_no_more_than_it_needs():
    code = "import gpu_metrics.intake.worker, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numba", "jaxtyping", "imgread"} & {*done.stdout.split()}
