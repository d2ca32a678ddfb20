"""Faults of disks, devices, decoders and hosts; ids name lines of the table of bad inputs."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

import pytest
import torch

from gpu_metrics import weights
from gpu_metrics.cache import RowCache
from gpu_metrics.engine import Scorer
from gpu_metrics.errors import DeviceError
from gpu_metrics.intake import decoding, isolated
from gpu_metrics.intake.isolated import Workers
from gpu_metrics.pipelines import OneGpu
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


# a process that decodes, unless the file tells it to die or to sleep
DECODER = """
import os, signal, time
from gpu_metrics.intake import worker

def decode(data, flags):
    match data[8:]:
        case b"abort":
            os.abort()
        case b"kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case b"hang":
            time.sleep(600)
    return worker.opencv(data, flags)

worker.serve(decode)
"""


@pytest.mark.parametrize("fault", ["line-55 kill", "line-56 abort", "line-57 hang"])
def test_a_file_that_harms_its_decoder_costs_itself_alone(spoiled, plain, monkeypatch, fault):
    workers = Workers(1, command=(sys.executable, "-c", DECODER), seconds=1)
    monkeypatch.setattr(decoding, "WORKERS", workers)
    monkeypatch.setattr(isolated, "PATIENCE", 1)
    expected = plain.score(spoiled.submission)
    # what begins as a TIFF is left to the process that decodes
    (spoiled.submission / "003.png").write_bytes(b"II*\0\0\0\0\0" + fault.split()[1].encode())
    try:
        run = plain.score(spoiled.submission)
    finally:
        workers.close()
    assert [item.file for item in run.rejected] == ["003.png"]
    assert run.rejected[0].reason.startswith("crashes the decoder or keeps it busy without end (sh")
    assert list(run.images) == [row for row in expected.images if row.id != "003"]


def test_line_61_without_a_gpu_the_record_says_so(gallery, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    run = Scorer(PLAIN, gallery.reference).score(gallery.submission)
    assert run.provenance["device"] == "cpu"


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("CUDA error: an illegal memory access was encountered", id="line-62"),
        pytest.param("CUDA error: uncorrectable ECC error encountered", id="line-63 ECC"),
        pytest.param("CUDA error: GPU is lost", id="line-63 off the bus"),
    ],
)
def test_a_device_that_breaks_down_leaves_no_score(gallery, tmp_path, monkeypatch, words):
    with RowCache(tmp_path) as rows:
        scorer = Scorer(PLAIN, gallery.reference, device="cpu", cache=rows)
        measure, calls = scorer._measure, []

        def breaking(x, batch):
            calls.append(len(x))
            if len(calls) > 1:
                raise torch.AcceleratorError(words)
            return measure(x, batch)

        with monkeypatch.context() as broken:
            broken.setattr(scorer, "_measure", breaking)
            broken.setattr(scorer, "_pipeline", OneGpu(torch.device("cpu"), 1, 1.0))
            with pytest.raises(DeviceError, match=words):
                scorer.score(gallery.submission)
        run = scorer.score(gallery.submission)
    # what the device had computed before was never kept
    assert (run.status, run.provenance["cached"], len(calls) > 1) == ("complete", 0, True)


@pytest.mark.parametrize("kind", ["other", "nowhere"])
def test_line_64_weights_are_asked_for_before_anything_is_scored(
    gallery, run_cli, tmp_path, monkeypatch, kind
):
    def unreachable(*arguments, **options):
        raise OSError("no route to host")

    monkeypatch.setattr(weights, "load_state_dict_from_url", unreachable)
    monkeypatch.setattr(weights, "read_sdist_trunk", unreachable)
    monkeypatch.setenv("GPU_METRICS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GPU_METRICS_WEIGHTS", raising=False)
    file, options = tmp_path / "alexnet.pth", []
    if kind == "other":
        torch.save({"features.0.weight": torch.zeros(3)}, file)
        options = ["--weights", file]
    record = ["-o", tmp_path / "run.json"]
    outcome = run_cli(
        "score", gallery.submission, "--reference", gallery.reference, *record, *options
    )
    assert (outcome.code, outcome.out) == (2, "")
    assert not (tmp_path / "run.json").exists()
    if kind == "other":
        assert f"{file}: trunk of alexnet: expected content hash " in outcome.err
        assert weights.PUBLISHED["alex"].trunk_sha256 in outcome.err
    else:
        assert "name the file in GPU_METRICS_WEIGHTS" in outcome.err
        assert "no route to host" in outcome.err


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
