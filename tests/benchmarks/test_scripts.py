"""Every benchmark that is a script runs, on tiny inputs, and its record holds what it is for."""

import sys

import pytest

from benchmarks import cold_start, digits, end_to_end, hardware, peers

pytestmark = pytest.mark.weights


def test_end_to_end(record, files, capsys):
    found = record(end_to_end.main, *files, "--device", "cpu", "--rounds", "1", "--images", "1")
    assert found["official"]["medians"].keys() == {
        "ours, first submission",
        "ours, warm",
        "official procedure",
    }
    assert found["official"]["times_as_fast"] > 0
    stages = {stage["name"] for stage in found["official"]["stages"]}
    assert stages >= {"read and hash", "decode", "ssim", "lpips trunk", "lpips distance"}
    busy = found["busy"]
    assert busy.keys() == {
        *("seconds", "decoding", "computing", "decoding and computing", "threads at work")
    }
    assert 0 < busy["decoding"] <= 1 and 0 < busy["computing"] <= 1
    assert found["left_out"] == ["pyiqa"]
    assert found["peers"].keys() == {"torchmetrics", "piq"}
    for name, measures in (("torchmetrics", ["psnr", "ssim", "lpips"]), ("piq", ["psnr", "ssim"])):
        peer = found["peers"][name]
        assert (peer["measures"], peer["images"]) == (measures, 1)
        assert (peer["median"], peer["median_ours"]) == (*peer["seconds"], *peer["seconds_ours"])
        assert peer["times_as_fast"] == peer["median"] / peer["median_ours"]
    assert "torchmetrics" in capsys.readouterr().out


def test_a_peer_whose_answers_are_wrong_has_no_time(record, files, monkeypatch):
    def wrong(self, predictions):
        return [{"psnr": 30.0, "ssim": 0.5, "lpips": 0.1} for _ in predictions]

    monkeypatch.setattr(peers.FullFrame, "score", wrong)
    with pytest.raises(AssertionError, match="torchmetrics: psnr differs from ours by"):
        record(end_to_end.main, *files, "--device", "cpu", "--rounds", "1", "--images", "1")


PYIQA = """
from gpu_metrics.metrics import Network, lpips, psnr, ssim
from gpu_metrics.weights import find_weights

def create_metric(name, device, pretrained_model_path=None):
    if name == "lpips":
        network = Network.build(find_weights("alex"))
        return lambda x, y: lpips(x, y, network=network)
    if name == "psnr":
        return psnr
    return lambda x, y: ssim(*((255 * i).round().byte() for i in (x, y)), color="luma")
"""


@pytest.fixture
def fake_pyiqa(tmp_path, monkeypatch):
    """A package of that name for another interpreter, with the source that is given."""

    def install(source):
        (tmp_path / "pyiqa.py").write_text(source)
        facts = tmp_path / "pyiqa-9.9.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: pyiqa\nVersion: 9.9\n")
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path}")

    return install


def test_pyiqa_runs_in_another_interpreter(record, files, fake_pyiqa):
    fake_pyiqa(PYIQA)
    options = ["--device", "cpu", "--rounds", "1", "--images", "2", "--pyiqa", sys.executable]
    found = record(end_to_end.main, *files, *options)
    assert found["left_out"] == []
    peer = found["peers"]["pyiqa"]
    assert (peer["version"], peer["images"]) == ("9.9", 2)
    assert peer["measures"] == ["psnr", "ssim_luma", "lpips"]


def test_a_worker_that_fails_is_told(record, files, fake_pyiqa):
    fake_pyiqa("raise ImportError('no pyiqa today')")
    options = ["--device", "cpu", "--rounds", "1", "--images", "1", "--pyiqa", sys.executable]
    with pytest.raises(RuntimeError, match="pyiqa's worker failed:(?s:.*)no pyiqa today"):
        record(end_to_end.main, *files, *options)


def test_cold_start(record, files):
    found = record(cold_start.main, *files, "--device", "cpu", "--rounds", "1", "--only", "pack")
    assert found["images"] == 2 and found["warm_scorer"] > 0
    (steps,) = ([row[step] for step in cold_start.STEPS] for row in found["seconds"].values())
    assert steps == sorted(steps) and steps[0] > 0


def test_digits(record, files):
    found = record(digits.main, *files, "--devices", "cpu", "cpu")
    assert len(found["measures"]) == 8 and all(row["kept"] for row in found["measures"].values())


def test_hardware_goes_as_far_as_a_cpu_does(record):
    found = record(hardware.main, "--dry-run", "--only", "sanitizers")
    assert found["dry_run"] and found["sanitizers"]["passed"]
    assert found["sanitizers"]["not_run"] == "dry run"
    assert "tests" not in found


def test_steps_on_hardware_fail_with_their_last_words_and_end_in_time():
    def step(source, limit):
        return hardware._run([sys.executable, "-c", source], limit=limit)

    assert step("pass", 60) == {"passed": True}
    failed = step("print('on the way'); raise SystemExit(3)", 60)
    assert failed == {"passed": False, "output": "on the way\n"}
    late = step("import time; print('begun', flush=True); time.sleep(60)", 5)
    assert late == {"passed": False, "output": "begun\n\nended after 5 s"}
