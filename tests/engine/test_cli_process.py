"""The command line as a process: what it loads, what it writes, how it is interrupted."""

import json
import os
import signal
import subprocess
import sys
import time

from tests.commands import GPU_METRICS

VERBS = [
    [],
    *([name] for name in ("score", "rescore", "validate", "pack", "bench", "demo", "doctor")),
    *([name] for name in ("weights", "verify", "final", "calibrate", "grand-challenge")),
    *(["profiles", *name] for name in ([], ["list"], ["show"], ["check"])),
    *(["board", *name] for name in ([], ["add"], ["show"], ["strike"], ["export"], ["import"])),
    *(["board", *name] for name in (["restore"], ["withdraw"], ["reinstate"], ["history"])),
    *(["codabench", *name] for name in ([], ["bundle"], ["run"], ["score"])),
    *(["piqa", *name] for name in ([], ["score"], ["validate"], ["compare"])),
    *(["evalai", *name] for name in ([], ["worker"])),
    *(["study", *name] for name in ([], ["build"], ["serve"], ["export"], ["import"])),
    *(["study", *name] for name in (["tally"], ["report"])),
]

HELP = f"""
import sys
from gpu_metrics.cli import main
for verb in {VERBS!r}:
    sys.argv = ["gpu-metrics", *verb, "--help"]
    try:
        main()
    except SystemExit as ended:
        assert ended.code == 0, verb
heavy = {{"torch", "numpy", "cv2", "kornia", "lpips"}}
print("loaded:", *heavy & {{*sys.modules}}, file=sys.stderr)
"""


def test_help_of_every_verb_loads_nothing_heavy():
    result = subprocess.run(
        [sys.executable, "-c", HELP], capture_output=True, text=True, check=True
    )
    assert result.stderr == "loaded:\n"
    assert result.stdout.count("Usage: gpu-metrics") == len(VERBS)
    assert "130 interrupted" in result.stdout


def test_a_process_writes_the_record_and_nothing_else(gallery):
    arguments = ["--reference", gallery.reference, "--profile", "infrared-sr2026"]
    result = subprocess.run(
        [*GPU_METRICS, "score", gallery.submission, *arguments, "--format", "json"],
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["status"] == "complete"


def test_an_interrupt_ends_with_its_code(tmp_path):
    # a pipe for a profile keeps the process waiting inside the verb
    profile = tmp_path / "profile.toml"
    os.mkfifo(profile)
    process = subprocess.Popen(
        [*GPU_METRICS, "profiles", "check", profile], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    end = wait_for_reader(profile)
    try:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        os.close(end)
    assert (process.returncode, out, err) == (130, b"", b"interrupted\n")


def wait_for_reader(pipe):
    """Return an open end of the pipe once the other end waits for text."""
    for _ in range(3000):
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.01)
    raise AssertionError("the process never read its profile")
