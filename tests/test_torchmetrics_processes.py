import json
import subprocess
import sys
from functools import partial

import pytest
import torch
from torch import distributed

from gpu_metrics.torchmetrics import MaskedDeltaE, MaskedLPIPS, MaskedPSNR, MaskedSSIM

METRICS = {
    "psnr": MaskedPSNR,
    "ssim": MaskedSSIM,
    "delta_e": MaskedDeltaE,
    "lpips": MaskedLPIPS,
    "lpips-box": partial(MaskedLPIPS, mode="box"),
}
# which of six images each of two processes scores
SHARES = {"uneven": ([0, 1, 2, 3, 4], [5]), "second-alone": ([], [0, 1, 2, 3, 4, 5])}


def images():
    """Noise, noisier copies, and masks of which the third is empty."""
    generator = torch.Generator().manual_seed(5)
    y = torch.randint(256, (6, 3, 40, 40), generator=generator)
    x = (y + torch.randint(-40, 41, y.shape, generator=generator)).clamp(0, 255)
    mask = torch.rand(6, 40, 40, generator=generator) < 0.3
    mask[2] = False
    return x.byte(), y.byte(), mask


def summary(metric):
    mean = metric.compute().item().hex()
    with metric.sync_context():
        return [mean, int(metric.scored), int(metric.not_scored), int(metric.failed)]


@pytest.mark.weights
def test_two_processes_give_the_bits_of_one(tmp_path):
    command = [sys.executable, __file__, tmp_path / "meeting"]
    processes = [
        subprocess.Popen([*command, str(rank)], stdout=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    try:
        first, second = (json.loads(process.communicate(timeout=300)[0]) for process in processes)
    finally:
        for process in processes:
            process.kill()

    metrics = {name: make() for name, make in METRICS.items()}
    for metric in metrics.values():
        metric.update(*images())
    alone = {name: summary(metric) for name, metric in metrics.items()}
    assert alone["psnr"][1:] == [5, 1, 0]
    assert first == second == dict.fromkeys(SHARES, alone)


def one_of_two_processes(meeting, rank):
    """Score this process's images one by one; print means and counts over both."""
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    results = {share: {} for share in SHARES}
    for share, name in [(share, name) for share in SHARES for name in METRICS]:
        metric = METRICS[name]()
        for image in SHARES[share][rank]:
            metric.update(*(batch[image, None] for batch in images()))
        results[share][name] = summary(metric)
    distributed.destroy_process_group()
    print(json.dumps(results))


if __name__ == "__main__":
    one_of_two_processes(sys.argv[1], int(sys.argv[2]))
