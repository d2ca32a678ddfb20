"""Address, undefined-behaviour and thread sanitizers over all kernels, and planted faults."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARIES = {"address": "libasan.so", "thread": "libtsan.so"}


def run(kind: str, what: str) -> subprocess.CompletedProcess:
    library = subprocess.run(
        ["g++", f"-print-file-name={LIBRARIES[kind]}"], capture_output=True, text=True, check=True
    ).stdout.strip()
    standard = library.replace(LIBRARIES[kind], "libstdc++.so")
    environment = {
        **os.environ,
        "LD_PRELOAD": f"{library} {standard}",
        # Python keeps memory to its end, and torch's own races are not the kernels'
        "ASAN_OPTIONS": "detect_leaks=0 halt_on_error=0",
        "TSAN_OPTIONS": "exitcode=66 ignore_noninstrumented_modules=1",
        "OMP_NUM_THREADS": "1",
    }
    # the thread sanitizer needs its address space where it expects it
    prefix = ["setarch", "-R"] if kind == "thread" else []
    script = str(Path(__file__).with_name("sanitized.py"))
    return subprocess.run(
        [*prefix, sys.executable, script, kind, what],
        env=environment,
        capture_output=True,
        text=True,
    )


def assert_clean(done: subprocess.CompletedProcess) -> None:
    assert done.returncode == 0 and "finished" in done.stdout, done.stderr[-4000:]
    assert "ERROR" not in done.stderr and "runtime error" not in done.stderr, done.stderr[:4000]


def test_address_and_undefined_behaviour_sanitizers_find_nothing():
    assert_clean(run("address", "kernels"))


def test_address_and_undefined_behaviour_sanitizers_find_planted_faults():
    done = run("address", "faults")
    for fault in (
        "heap-buffer-overflow",
        "index 64 out of bounds",
        "signed integer overflow",
        "misaligned address",
    ):
        assert fault in done.stderr, f"{fault} not found in {done.stderr[-4000:]}"


@pytest.mark.slow
def test_thread_sanitizer_finds_no_race():
    assert_clean(run("thread", "kernels"))


@pytest.mark.slow
def test_thread_sanitizer_finds_a_planted_race():
    done = run("thread", "faults")
    assert done.returncode == 66 and "data race" in done.stderr
