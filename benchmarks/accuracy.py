"""How far the engine's float32 and fixed-point results are from float64, on any images.

    python -m benchmarks.accuracy REFERENCE SUBMISSION... [--golden golden.json] [-o out.json]

The float64 values come from outside implementations on the CPU: NumPy, scikit-image, OpenCV's
8-bit Lab, and the lpips package in double precision. REFERENCE is a folder with gt/ and mask/.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import skimage
import torch
from skimage.color import deltaE_cie76, deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from gpu_metrics.devices import device_facts
from gpu_metrics.engine import Scorer
from gpu_metrics.official import lpips_package, official_scores, read, read_person
from gpu_metrics.pairing import find_reference, find_submission, reference_folders
from gpu_metrics.profiles import parse_profile
from gpu_metrics.results import write_atomically

PROFILE = """
schema = 1
name = "accuracy"
version = "1"
title = "Every metric, to be held against float64"
source = ""
notes = ""
[images]
pairing = "first-three-digits"
extensions = [".png", ".jpg", ".jpeg", ".bmp"]
skip = "mask"
decoding = "official"
[regions]
person = "mask >= 128"
background = "mask < 128"
[measures]
psnr_bg = { metric = "psnr", region = "background" }
ssim_global = { metric = "ssim", window = "binomial", color = "luma" }
delta_e_person = { metric = "delta_e", region = "person", formula = "opencv-8bit" }
lpips_person = { metric = "lpips", region = "person", mode = "box" }
ssim_gaussian = { metric = "ssim" }
cie76_person = { metric = "delta_e", region = "person", formula = "cie76" }
ciede2000_person = { metric = "delta_e", region = "person", formula = "ciede2000" }
lpips_map_person = { metric = "lpips", region = "person", mode = "map" }
[formula]
total = "psnr_bg"
[ranking]
by = "total"
higher_is_better = true
digits = 2
[typical]
psnr_bg = 30
ssim_global = 0.9
delta_e_person = 5
lpips_person = 0.1
ssim_gaussian = 0.9
cie76_person = 5
ciede2000_person = 4
lpips_map_person = 0.1
"""

WHAT = {
    "psnr_bg": "PSNR, background (dB)",
    "ssim_global": "SSIM, 5x5 binomial, luma",
    "delta_e_person": "Delta E, OpenCV's 8-bit Lab, person",
    "lpips_person": "LPIPS AlexNet, box of the person",
    "ssim_gaussian": "SSIM, 11x11 Gaussian, RGB",
    "cie76_person": "Delta E, CIE76, person",
    "ciede2000_person": "Delta E, CIEDE2000, person",
    "lpips_map_person": "LPIPS AlexNet, map inside the person",
}
GOLDEN = {
    "psnr_bg": "PSNR_bg",
    "ssim_global": "SSIM_global",
    "delta_e_person": "DeltaE_person",
    "lpips_person": "LPIPS_person",
}


def main() -> None:
    """Score every submission twice and print the largest difference of each measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference", type=Path)
    parser.add_argument("submissions", type=Path, nargs="+")
    parser.add_argument("--golden", type=Path)
    parser.add_argument("--output", "-o", type=Path)
    arguments = parser.parse_args()

    profile = parse_profile(PROFILE, where="accuracy")
    scorer = Scorer(profile, arguments.reference)
    files = find_reference(reference_folders(arguments.reference), profile)
    golden = json.loads(arguments.golden.read_text())["teams"] if arguments.golden else {}
    to_float64 = {name: [] for name in WHAT}
    to_golden = {name: [] for name in GOLDEN}
    for submission in arguments.submissions:
        run = scorer.score(submission)
        names = [p.relative_to(submission).as_posix() for p in submission.rglob("*") if p.is_file()]
        found, _ = find_submission(names, files, profile.images)
        for row, image in zip(run.images, files, strict=True):
            expected = float64_scores(submission / found[row.id], image.gt, image.mask)
            for name in WHAT:
                to_float64[name].append(abs(row.values[name] - expected[name]))
            for name, key in GOLDEN.items() if submission.name in golden else ():
                stored = golden[submission.name]["per_image"][row.id][key]
                to_golden[name].append(abs(row.values[name] - stored))
    result = {
        "images": len(files) * len(arguments.submissions),
        "engine against float64": {name: max(values) for name, values in to_float64.items()},
        "engine against stored": {n: max(values) for n, values in to_golden.items() if values},
        "versions": {
            "torch": torch.__version__,
            "opencv": cv2.__version__,
            "scikit-image": skimage.__version__,
            **device_facts(scorer.device),
        },
    }
    for name, text in WHAT.items():
        stored = result["engine against stored"].get(name)
        shown = f"{stored:10.1e}" if stored is not None else ""
        print(f"{text:40} {result['engine against float64'][name]:10.1e} {shown}")
    if arguments.output:
        write_atomically(arguments.output, json.dumps(result, indent=1) + "\n")


@torch.no_grad()
def float64_scores(candidate: Path, truth: Path, mask: Path) -> dict[str, float]:
    """Every measure of one image in double precision, by other people's code."""
    x, y, person = read(candidate), read(truth), read_person(mask)
    box, spatial = lpips_package("alex"), lpips_package("alex", spatial=True)
    scores = official_scores(x, y, person, box, torch.float64)
    tensors = (torch.from_numpy(i).permute(2, 0, 1)[None].double() / 127.5 - 1 for i in (x, y))
    distances = spatial.double()(*tensors)[0, 0].numpy()
    labs = [rgb2lab(image.astype(np.float64) / 255) for image in (x, y)]
    _, similarity = structural_similarity(
        x.astype(np.float64),
        y.astype(np.float64),
        data_range=255,
        channel_axis=-1,
        gaussian_weights=True,
        use_sample_covariance=False,
        full=True,
    )
    return scores | {
        "ssim_gaussian": float(similarity[5:-5, 5:-5].mean()),
        "cie76_person": float(deltaE_cie76(*labs)[person].mean()),
        "ciede2000_person": float(deltaE_ciede2000(*labs)[person].mean()),
        "lpips_map_person": float(distances[person].mean()),
    }


if __name__ == "__main__":
    main()
