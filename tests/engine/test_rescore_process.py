"""A rescore as a process: killed, interrupted, out of disk, twice at once; nothing is lost."""

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gpu_metrics.engine import Scorer
from gpu_metrics.results import Run

# needs neither weights nor masks
PLAIN = "infrared-sr2026"
# a shell may have told its background jobs to ignore interrupts
START = """
import signal
from gpu_metrics.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
# tells on stderr how many images were measured
COUNT = """
import sys
from gpu_metrics import engine
measure, measured = engine.measure, []

def counted(*arguments):
    values = measure(*arguments)
    measured.append(len(values))
    return values

engine.measure = counted
from gpu_metrics.cli import main
try:
    main()
finally:
    print("measured", sum(measured), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def crowd(gallery, write, tmp_path_factory) -> Path:
    """Thirty submissions, no two images of which are equal."""
    root = tmp_path_factory.mktemp("crowd")
    for team in range(30):
        for id_, image in gallery.restored.items():
            write(root / f"team{team:02}" / f"{id_}.png", np.roll(image, team, axis=1))
    return root


@pytest.fixture
def start(gallery, crowd, tmp_path) -> Callable[..., subprocess.Popen[str]]:
    """Start rescoring the crowd into `tmp_path / "runs"` in a process of its own."""

    def run(program=START, **options):
        command = [sys.executable, "-c", program, "rescore", "--all-in", crowd, "--device", "cpu"]
        places = ["--reference", gallery.reference, "-o", tmp_path / "runs"]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*command, *places, "--profile", PLAIN], stdout=pipe, stderr=pipe, text=True, **options
        )

    return run


@pytest.fixture(scope="module")
def expected(gallery, crowd):
    scorer = Scorer(PLAIN, gallery.reference, device="cpu")
    return {team.name: digits(scorer.score(team)) for team in crowd.iterdir()}


def digits(run):
    return run.submission, run.images, run.means, run.scores


def saved(runs):
    return {path.stem: digits(Run.load(path)) for path in runs.glob("*.json")}


def contents(runs):
    return {path.name: path.read_bytes() for path in runs.glob("[!.]*") if "rows" not in path.name}


def wait_for_records(process, runs, count):
    deadline = time.monotonic() + 60
    while len(list(runs.glob("*.json"))) < count:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)


def test_killed_in_the_middle_it_resumes_with_the_same_bits(start, expected, tmp_path):
    process, runs = start(), tmp_path / "runs"
    wait_for_records(process, runs, 3)
    process.kill()
    process.communicate()
    done = contents(runs)
    assert 3 <= len(done) < 30
    assert saved(runs).items() <= expected.items()

    again = start(COUNT)
    measured = int(again.communicate()[1].split()[-1])
    assert again.returncode == 0
    assert 0 < measured <= 6 * (30 - len(done))
    assert saved(runs) == expected
    assert done.items() <= contents(runs).items()


def test_an_interrupt_saves_what_is_done(start, expected, tmp_path):
    process, runs = start(), tmp_path / "runs"
    wait_for_records(process, runs, 2)
    process.send_signal(signal.SIGINT)
    before = time.monotonic()
    out, err = process.communicate()
    assert time.monotonic() - before < 10
    assert (process.returncode, out) == (130, "")
    done = saved(runs)
    assert err.splitlines() == [
        f"{len(done)} of 30 submissions are done; run again to go on",
        "interrupted",
    ]
    table = (runs / "scores.csv").read_text("utf-8").splitlines()
    assert {line.split(",")[0] for line in table[1:]} == {*done}
    again = start()
    assert (again.communicate()[1], again.returncode) == ("", 0)
    assert saved(runs) == expected


def test_a_full_disk_leaves_what_was_done(start, expected, tmp_path):
    # no file may grow beyond 64 KiB, which rows soon do
    limit = (65536, 65536)
    process = start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    err = process.communicate()[1]
    assert process.returncode == 4
    assert "rows.sqlite: cannot be used (" in err
    done = saved(tmp_path / "runs")
    assert f"{len(done)} of 30 submissions are done; run again to go on" in err
    assert done
    assert done.items() < expected.items()
    again = start()
    assert (again.communicate()[1], again.returncode) == ("", 0)
    assert saved(tmp_path / "runs") == expected


def test_two_processes_share_one_folder(start, expected, tmp_path):
    both = [start(), start()]
    assert [process.communicate()[1] for process in both] == ["", ""]
    assert [process.returncode for process in both] == [0, 0]
    assert saved(tmp_path / "runs") == expected
