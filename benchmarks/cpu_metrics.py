"""Each metric of 8-bit images against its peers on the CPU, turn by turn.

    python -m benchmarks.cpu_metrics [-o benchmarks/results/cpu-metrics.json]

A round calls everybody once, and ratios are taken within rounds, so what else the machine does
weighs on all alike. Images are a photograph and a noisy copy, 1024 x 1024; for LPIPS 512 x 512.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import skimage.data
import torch
from torch import Tensor

from benchmarks import bench_delta_e, bench_ssim
from benchmarks.bench_lpips import contestants
from gpu_metrics.kernels.launch import recorded
from gpu_metrics.metrics import delta_e
from gpu_metrics.provenance import installed_version
from gpu_metrics.results import write_atomically

PACKAGES = ("torch", "numba", "kornia", "lpips", "torchmetrics", "piq", "scikit-image")
OPENCV = "opencv-python-headless"
FORMULAS = ("opencv-8bit", "cie76", "ciede2000")

Function = Callable[[Tensor, Tensor], Tensor]
Contest = dict[str, tuple[Function, float]]


def main() -> None:
    """Run every contest, print medians, fastest calls and ratios, and write them down if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", "-o", type=Path, help="where the record goes")
    parser.add_argument("--rounds", type=int, default=15, help="calls of everybody")
    arguments = parser.parse_args()

    # what others kept busy in the minute before, in cores
    busy = round(os.getloadavg()[0], 1)
    results = {}
    with torch.no_grad(), recorded() as paths:
        for name, (contest, x, y) in contests().items():
            results[name] = run(contest, x, y, arguments.rounds)
            for who, row in results[name].items():
                median, fastest, ratio = row.values()
                print(f"{name:20} {who:21} {median:8.1f} ms {fastest:8.1f} {ratio:6.1f}")
    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        "changed_files": _git("status", "--porcelain", "--untracked-files=no").splitlines(),
        "cpu": _processor(),
        "threads": torch.get_num_threads(),
        "busy_processes": busy,
        "versions": {name: installed_version(name) for name in (*PACKAGES, OPENCV)},
        "served_by": {name: sorted(taken) for name, taken in sorted(paths.items())},
        "rounds": arguments.rounds,
        "results": results,
    }
    if arguments.output:
        write_atomically(arguments.output, json.dumps(record, indent=1) + "\n")


def contests() -> dict[str, tuple[Contest, Tensor, Tensor]]:
    """For each metric what computes it, how far it may be from ours, and the images."""
    large, small = photographs(2), photographs(1)
    found: dict[str, tuple[Contest, Tensor, Tensor]] = {
        "ssim, gaussian, rgb": (bench_ssim.PEERS, *large)
    }
    for formula in FORMULAS:
        peers = {who: peer for (of, who), peer in bench_delta_e.PEERS.items() if of == formula}
        ours = {"ours": (partial(delta_e, formula=formula), 0.0)}
        found[f"delta_e, {formula}"] = (ours | peers, *large)
    lpips = {who: (f, 1e-6) for who, f in contestants(small[1], torch.device("cpu")).items()}
    found["lpips, alex"] = (lpips, *small)
    return found


def photographs(copies: int) -> tuple[Tensor, Tensor]:
    """A noisy photograph and the photograph, so many times 512 px wide and high."""
    image = torch.from_numpy(skimage.data.astronaut()).permute(2, 0, 1)[None]
    y = image.repeat(1, 1, copies, copies).contiguous()
    noise = torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    x = (y + 12 * noise).round().clamp(0, 255).to(torch.uint8)
    return x, y


def run(contest: Contest, x: Tensor, y: Tensor, rounds: int) -> dict[str, dict[str, float]]:
    """Time of each, and the median of its ratio to ours, once their answers agree."""
    expected = contest["ours"][0](x, y)
    for who, (function, tolerance) in contest.items():
        apart = (function(x, y).double() - expected).abs().max().item()
        assert apart <= tolerance, f"{who} is {apart} from ours"
    times: dict[str, list[float]] = {who: [] for who in contest}
    for _ in range(rounds):
        for who, (function, _) in contest.items():
            start = time.perf_counter()
            function(x, y)
            times[who].append(time.perf_counter() - start)
    return {
        who: {
            "milliseconds": 1e3 * statistics.median(taken),
            "fastest": 1e3 * min(taken),
            "times_ours": statistics.median(
                one / ours for one, ours in zip(taken, times["ours"], strict=True)
            ),
        }
        for who, taken in times.items()
    }


def _processor() -> str:
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    name = found[1] if found else platform.processor()
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def _git(*arguments: str) -> str:
    root = Path(__file__).parents[1]
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    return done.stdout.rstrip() if done.returncode == 0 else "unknown"


if __name__ == "__main__":
    main()
