"""pyiqa in an interpreter of its own: one line of JSON in, one out.

    PYTHON benchmarks/pyiqa_worker.py DEVICE HEADS < requests

pyiqa's licence is non-commercial, so it is not installed beside the package. HEADS is the file
with LPIPS's linear weights; those of the trunk lie where TORCH_HOME says. The first request lists
the truths and is answered by versions; any other lists predictions and is answered by their values.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import pyiqa
import torch
from full_frame import FullFrame


def main() -> None:
    """Answer until the input ends."""
    # what packages print on the way is no answer
    answers, sys.stdout = sys.stdout, sys.stderr
    device = torch.device(sys.argv[1])
    metrics = {
        "psnr": pyiqa.create_metric("psnr", device=device),
        "ssim_luma": pyiqa.create_metric("ssim", device=device),
        "lpips": pyiqa.create_metric("lpips", device=device, pretrained_model_path=sys.argv[2]),
    }
    scorer = None
    for line in sys.stdin:
        paths = [Path(path) for path in json.loads(line)]
        if scorer is None:
            scorer = FullFrame(metrics, paths, device)
            answer = {name: version(name) for name in ("pyiqa", "torch")}
        else:
            answer = scorer.score(paths)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
