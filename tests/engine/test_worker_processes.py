"""Workers in processes of their own: how they are started, how they die, what that costs."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gpu_metrics.engine import Scorer
from gpu_metrics.errors import EngineError
from gpu_metrics.executors import Plan, Task, processes, score_many

# a worker that goes wrong over the submission "odd" as its first argument says, as long as the
# file in the second is there
FAULTY = """
import os, signal, sys
from pathlib import Path
from gpu_metrics.engine import Scorer
from gpu_metrics.errors import DeviceError
from gpu_metrics.executors import worker

fault, marker = sys.argv[1], Path(sys.argv[2])
score = Scorer.score_together

def faulty(self, submissions, *progress):
    print("noise on stdout")
    if "odd" not in dict(submissions) or not marker.exists():
        return score(self, submissions, *progress)
    if fault == "device":
        marker.unlink()
        raise DeviceError("an illegal memory access was encountered")
    if fault == "bug":
        raise TypeError("nobody thought of this")
    os.kill(os.getpid(), signal.SIGKILL)

Scorer.score_together = faulty
worker.main()
"""

# no main guard: whoever imported this again would score for ever
SCRIPT = """
import sys
from gpu_metrics.executors import Plan, score_many
plan = Plan("infrared-sr2026", sys.argv[1])
for outcome in score_many(plan, sys.argv[2:], executor="processes", devices=["cpu"]):
    print(outcome.task.name, outcome.result.scores["total"], flush=True)
"""


@pytest.fixture
def plan(gallery, pixel_profile):
    return Plan(pixel_profile, gallery.reference)


@pytest.fixture(scope="module")
def expected(teams, gallery, pixel_profile):
    """What each submission scores by itself."""
    scorer = Scorer(pixel_profile, gallery.reference, device="cpu")
    return {team.name: digits(scorer.score(team)) for team in teams}


@pytest.fixture
def children(monkeypatch):
    """The worker processes that were started."""
    started = []

    class Recorded(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(processes.subprocess, "Popen", Recorded)
    return started


def digits(run):
    return run.images, run.rejected, run.means, run.scores


def scored(outcomes):
    return {outcome.task.name: digits(outcome.result) for outcome in outcomes}


def test_a_worker_killed_at_work_costs_nobody_a_score(plan, teams, expected, children):
    killed = []

    def kill(images):
        if not killed:
            killed.append(children[-1])
            children[-1].send_signal(signal.SIGKILL)

    how = {"executor": "processes", "devices": ["cpu", "cpu"], "on_images": kill}
    assert scored(score_many(plan, teams, **how)) == expected
    assert len(children) == 3
    assert killed[0].returncode == -signal.SIGKILL
    assert all(child.returncode is not None for child in children)


@pytest.mark.parametrize(
    ("fault", "started", "reason"),
    [
        pytest.param("device", 2, None, id="once a broken device"),
        pytest.param("kill", 3, "its process ended with code -9", id="killed every time"),
        pytest.param("bug", 3, "TypeError: nobody thought of this", id="a bug every time"),
    ],
)
@pytest.mark.parametrize("order", ["submissions", "images"])
def test_what_loses_a_worker_is_tried_once_more_in_a_fresh_one(
    plan, teams, expected, children, monkeypatch, tmp_path, fault, started, reason, order
):
    (tmp_path / "marker").touch()
    command = [sys.executable, "-P", "-c", FAULTY, fault, str(tmp_path / "marker")]
    monkeypatch.setattr(processes, "_COMMAND", command)
    tasks = [Task(teams[0], "odd"), *teams[1:]]
    plan = replace(plan, order=order)
    outcomes = score_many(plan, tasks, executor="processes", devices=["cpu"])
    found = {outcome.task.name: outcome.result for outcome in outcomes}
    odd = found.pop("odd")
    if reason is None:
        assert digits(odd) == expected["team0"]
    else:
        assert isinstance(odd, EngineError)
        assert str(odd) == f"odd: given up after 2 attempts: {reason}"
    assert {name: digits(run) for name, run in found.items()} == {
        team.name: expected[team.name] for team in teams[1:]
    }
    # many at once are lost once before each is tried alone
    lost_together = order == "images" and reason is not None
    assert len(children) == started + lost_together


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            [sys.executable, "-c", "raise SystemExit(7)"],
            "no worker could be started: its process ended with code 7",
        ),
        (["/no/such/python"], "cannot be started: No such file or directory"),
    ],
)
def test_a_worker_that_cannot_start_is_told(plan, teams, monkeypatch, command, message):
    monkeypatch.setattr(processes, "_COMMAND", command)
    with pytest.raises(EngineError, match=message):
        next(score_many(plan, teams, executor="processes", devices=["cpu"]))


def test_closing_ends_the_workers(plan, teams, children):
    outcomes = score_many(plan, teams, executor="processes", devices=["cpu"])
    next(outcomes)
    assert [child.poll() for child in children] == [None]
    outcomes.close()
    assert [child.returncode for child in children] == [-signal.SIGKILL]


def test_a_script_needs_no_main_guard_and_imports_nothing_of_strangers(gallery, teams, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    # what lies in the current folder may come from anyone
    (tmp_path / "numpy.py").write_text("raise SystemExit('imported what a stranger sent')")
    command = [sys.executable, "-P", "script.py", gallery.reference, *teams]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert sorted(line.split()[0] for line in result.stdout.splitlines()) == [
        team.name for team in teams
    ]


def test_workers_end_with_whoever_started_them(gallery, teams):
    command = [sys.executable, "-c", SCRIPT, gallery.reference, *teams * 200]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    parent.stdout.readline()
    threads = Path(f"/proc/{parent.pid}/task").glob("*/children")
    workers = [int(pid) for thread in threads for pid in thread.read_text().split()]
    assert len(workers) == 1
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 20
    while alive(*workers):
        assert time.monotonic() < deadline, "the worker outlived its parent"
        time.sleep(0.05)


def alive(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
