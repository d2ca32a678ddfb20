import json
import time

import pytest
import torch

from gpu_metrics.engine import Scorer
from gpu_metrics.timeline import recording, span


def test_nothing_is_recorded_unless_asked():
    with span("alone"):
        pass
    with recording() as timeline:
        pass
    assert timeline.spans == [] and timeline.stages() == []


def test_stages_add_up_and_sort_by_time():
    with recording() as timeline:
        for _ in range(2):
            with span("short"):
                time.sleep(0.005)
        with span("long"):
            time.sleep(0.05)
    long, short = timeline.stages()
    assert (long.name, long.count, short.name, short.count) == ("long", 1, "short", 2)
    assert long.share + short.share == pytest.approx(1)
    assert long.seconds >= 0.05 and short.seconds >= 0.01


def test_a_run_shows_its_stages_on_its_threads(gallery, pixel_profile, tmp_path):
    scorer = Scorer(pixel_profile, gallery.reference, device="cpu", threads=2)
    with recording() as timeline:
        scorer.score(gallery.submission)
    counts = {stage.name: stage.count for stage in timeline.stages()}
    assert counts["decode"] == counts["read and hash"] == 6
    assert {"ssim", "mse", "psnr", "delta_e"} & set(counts)

    timeline.save(tmp_path / "trace.json")

    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    names = {event["args"]["name"] for event in events if event["ph"] == "M"}
    assert all(name.startswith("lane") for name in names) and 1 <= len(names) <= 2
    spans = [event for event in events if event["ph"] == "X"]
    assert len(spans) == sum(counts.values())
    assert all(event["dur"] >= 0 and event["ts"] >= 0 for event in spans)


@pytest.mark.gpu
def test_work_on_a_gpu_is_timed_by_its_own_clock():
    device = torch.device("cuda")
    x = torch.rand(4096, 4096, device=device)
    with recording() as timeline:
        with span("product", device):
            for _ in range(10):
                x = x @ x / 4096
        with span("host"):
            time.sleep(0.001)
    spans = {item.stage: item for item in timeline.spans}
    assert spans["product"].where == "gpu" and spans["product"].seconds > 1e-4
    assert spans["product"].start >= 0
