"""Faults of decoders, devices and weights; ids name lines of the table of bad inputs."""

import sys

import pytest
import torch

from gpu_metrics import weights
from gpu_metrics.cache import RowCache
from gpu_metrics.engine import Scorer
from gpu_metrics.errors import DeviceError
from gpu_metrics.intake import decoding, isolated
from gpu_metrics.intake.isolated import Workers
from gpu_metrics.pipelines import OneGpu

# needs neither weights nor masks
PLAIN = "infrared-sr2026"

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
def test_a_file_that_harms_its_decoder_costs_itself_alone(spoiled, monkeypatch, fault):
    plain = Scorer(PLAIN, spoiled.reference, device="cpu")
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
