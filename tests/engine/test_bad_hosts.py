"""Faults of disks and of what surrounds a scorer; ids name lines of the table of bad inputs."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from gpu_metrics.cache import RowCache
from gpu_metrics.engine import Scorer
from gpu_metrics.submissions import load, opened

# needs neither weights nor masks
PLAIN = "infrared-sr2026"
START = "from gpu_metrics.cli import main; main()"


@pytest.fixture
def plain(gallery):
    return Scorer(PLAIN, gallery.reference, device="cpu")


@pytest.fixture
def process(gallery):
    """Score the gallery in a process of its own, which may have another surrounding."""

    def run(*arguments, submission=gallery.submission, **surrounding):
        command = [sys.executable, "-c", START, "score", submission, "--profile", PLAIN]
        places = ["--reference", gallery.reference, *arguments]
        pipe = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE} | surrounding
        return subprocess.run([*command, *places], text=True, **pipe)

    return run


def test_line_52_a_disk_that_is_full_keeps_what_was_there(process, run_cli, gallery, tmp_path):
    record = tmp_path / "run.json"
    record.write_text("an earlier run")

    def crowd():
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    done = process("-o", record, preexec_fn=crowd)
    assert done.returncode == 4
    assert done.stderr == f"error: {record}: cannot be written: {os.strerror(errno.EFBIG)}\n"
    assert [path.read_text() for path in tmp_path.iterdir()] == ["an earlier run"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_line_52_a_result_that_cannot_be_printed_is_told(process):
    with open("/dev/full", "w") as full:
        done = process("--format", "json", stdout=full)
    assert done.returncode == 4
    assert "No space left on device" in done.stderr


def test_lines_54_and_70_surroundings_move_nothing(process, plain, gallery, tmp_path):
    odd = shutil.copytree(gallery.submission, tmp_path / "by us, für ever" / "our team")
    posix = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "Asia/Kathmandu"}
    nowhere = {"HOME": "/dev/null/home", "GPU_METRICS_CACHE": "/dev/null/cache"}
    done = process(
        *("-o", odd.parent / "our run.json", "--per-image", odd.parent / "our rows.csv"),
        submission=odd,
        env={**os.environ, **posix, **nowhere},
        umask=0o077,
        cwd=odd.parent,
    )
    assert (done.returncode, done.stderr) == (0, "")
    expected = plain.score(odd)
    record = (odd.parent / "our run.json").read_text("utf-8")
    assert json.loads(record) == json.loads(expected.to_json())
    assert (odd.parent / "our rows.csv").read_text("utf-8") == expected.to_csv()


def test_line_70_a_clock_that_jumps_moves_nothing(plain, gallery, monkeypatch):
    expected = plain.score(gallery.submission)
    jumps = iter(range(10**9, 0, -(10**6)))
    monkeypatch.setattr(time, "time", lambda: float(next(jumps)))
    assert plain.score(gallery.submission) == expected


def test_line_68_the_same_submission_again_is_the_same_row(gallery, plain, tmp_path):
    with RowCache(tmp_path) as rows:
        runs = [
            Scorer(PLAIN, gallery.reference, device="cpu", cache=rows).score(gallery.submission)
            for _ in range(2)
        ]
    assert [run.provenance["cached"] for run in runs] == [0, len(gallery.truth)]
    assert runs[0].to_csv() == runs[1].to_csv() == plain.score(gallery.submission).to_csv()


def test_line_69_pixels_are_those_whose_hash_is_recorded(spoiled, plain):
    path = spoiled.submission / "005.png"
    before, other = path.read_bytes(), (spoiled.submission / "006.png").read_bytes()
    length = max(len(before), len(other))
    # bytes after the end do not change an image
    path.write_bytes(before.ljust(length, b"\0"))
    images = plain.profile.images
    with opened(spoiled.submission, plain.reference, images) as content:
        path.write_bytes(other.ljust(length, b"\0"))
        (found,) = (
            load(candidate, lambda target, sha256: None)
            for candidate in content.candidates
            if candidate.target.id == "005"
        )
    assert found.origin.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.pixels.permute(1, 2, 0).numpy() == spoiled.restored["006"]).all()


FORKED = """
import os, sys
from gpu_metrics.engine import Scorer
from gpu_metrics.errors import EngineError

reference, submission = sys.argv[1:]
scorer = Scorer("infrared-sr2026", reference, device="cpu")
expected = scorer.score(submission)
if child := os.fork():
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
try:
    scorer.score(submission)
except EngineError as error:
    print(error)
again = Scorer("infrared-sr2026", reference, device="cpu").score(submission)
print(again == expected)
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")
def test_line_71_a_forked_process_is_told_to_build_its_own_scorer(tmp_path, draw, write):
    # large enough for torch to share the work among its threads, which end at a fork
    for number in range(2):
        image = draw(300, 400, number)
        write(tmp_path / "gt" / f"{number:03}.png", image)
        write(tmp_path / "team" / f"{number:03}.png", 255 - image)
    done = subprocess.run(
        [sys.executable, "-c", FORKED, tmp_path, tmp_path / "team"],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "a scorer's threads end at a fork; build another in each process",
        "True",
    ]
