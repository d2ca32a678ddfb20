"""Other people's metrics over whole images, and what must come out of them before time counts.

Every peer is as fast as `FullFrame` makes it, with torch's own settings, TF32 on a GPU included.
None knows masks or keeps anything of the reference but its pixels. Ours computes the same measures
of the same files, by a profile of its own.

* torchmetrics: PSNR, SSIM over 11x11 Gaussian windows of RGB, LPIPS on AlexNet; float32.
* piq: PSNR and the same SSIM, not downsampled; float32. Its LPIPS knows VGG alone.
* pyiqa: PSNR, its SSIM of luma in float64, LPIPS on AlexNet; where an interpreter is given.
"""

import json
import os
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import lpips
import torch
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

from benchmarks.full_frame import FullFrame
from gpu_metrics.profiles import Profile, parse_profile
from gpu_metrics.weights import find_weights

MEASURES = {
    "psnr": '{ metric = "psnr" }',
    "ssim": '{ metric = "ssim" }',
    "ssim_luma": '{ metric = "ssim", color = "luma" }',
    "lpips": '{ metric = "lpips" }',
}
PROFILE = """
schema = 1
name = "full-frame"
version = "1"
title = "What peers without masks measure"
source = ""
notes = ""
[images]
pairing = "first-three-digits"
extensions = [".png", ".jpg"]
skip = "mask"
decoding = "official"
[regions]
[measures]
{measures}
[formula]
total = "psnr"
[ranking]
by = "total"
higher_is_better = true
digits = 2
[typical]
{typical}
"""


class Scoring(Protocol):
    """What scores predictions against truths it was given before."""

    def score(self, predictions: Sequence[Path]) -> list[dict[str, float]]:
        """Values by measure, prediction by prediction."""


class Peer(NamedTuple):
    """A package at work, its version, and how far each of its measures may be from ours."""

    scoring: Scoring
    version: str
    tolerances: Mapping[str, float]


def profile_of(measures: Sequence[str]) -> Profile:
    """A profile of some of `MEASURES` over whole images."""
    tables = "\n".join(f"{name} = {MEASURES[name]}" for name in measures)
    typical = "\n".join(f"{name} = {30 if name == 'psnr' else 0.5}" for name in measures)
    text = PROFILE.format(measures=tables, typical=typical)
    return parse_profile(text, where="full-frame")


@contextmanager
def peers(
    truths: Sequence[Path], device: torch.device, pyiqa: Path | None
) -> Iterator[dict[str, Peer]]:
    """The packages that can be run here, ready for predictions of the images in `truths`."""
    with ExitStack() as stack, warnings.catch_warnings():
        # packages that call torchvision as it was, and draw at random what is overwritten
        warnings.simplefilter("ignore")
        home = stack.enter_context(_torch_home())
        found = {"torchmetrics": _torchmetrics(truths, device)}
        if find_spec("piq"):
            found["piq"] = _piq(truths, device)
        if pyiqa is not None:
            found["pyiqa"] = stack.enter_context(_pyiqa(pyiqa, truths, device, home))
        yield found


def _tolerances(device: torch.device, **tolerances: float) -> dict[str, float]:
    """Those of float32; TF32, which torch lets cuDNN use, moves SSIM by 4e-3 and LPIPS by 1e-4."""
    if device.type == "cuda":
        loose = {"ssim": 2e-2, "lpips": 1e-3}
        return {name: max(value, loose.get(name, 0)) for name, value in tolerances.items()}
    return tolerances


def _torchmetrics(truths: Sequence[Path], device: torch.device) -> Peer:
    network = LearnedPerceptualImagePatchSimilarity("alex", normalize=True).net.to(device)
    options = {"data_range": 1.0, "reduction": "none"}
    metrics = {
        "psnr": partial(peak_signal_noise_ratio, dim=(1, 2, 3), **options),
        "ssim": partial(structural_similarity_index_measure, **options),
        "lpips": partial(network, normalize=True),
    }
    # its SSIM counts borders, mirrored: up to 3e-4 on photographs of 1K, more on small ones
    tolerances = _tolerances(device, psnr=1e-4, ssim=5e-3, lpips=1e-6)
    return Peer(FullFrame(metrics, truths, device), version("torchmetrics"), tolerances)


def _piq(truths: Sequence[Path], device: torch.device) -> Peer:
    import piq

    metrics = {
        "psnr": partial(piq.psnr, data_range=1.0, reduction="none"),
        "ssim": partial(piq.ssim, downsample=False, reduction="none"),
    }
    # 1e-8 inside its logarithm; float32 variances that cancel
    tolerances = _tolerances(device, psnr=1e-2, ssim=1e-4)
    return Peer(FullFrame(metrics, truths, device), version("piq"), tolerances)


@contextmanager
def _pyiqa(
    python: Path, truths: Sequence[Path], device: torch.device, home: Path
) -> Iterator[Peer]:
    heads = Path(lpips.__file__).parent / "weights" / "v0.1" / "alex.pth"
    worker = Worker(python, f"{device}", f"{heads}", TORCH_HOME=f"{home}")
    try:
        versions = worker.score(truths)
        # 1e-8 inside its logarithm; luma rounded to 8 bits, 3.6e-3 on dark photographs
        tolerances = _tolerances(device, psnr=1e-2, ssim_luma=5e-3, lpips=1e-6)
        yield Peer(worker, versions["pyiqa"], tolerances)
    finally:
        worker.close()


class Worker:
    """`pyiqa_worker.py` in another interpreter."""

    def __init__(self, python: Path, *arguments: str, **environment: str) -> None:
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [python, Path(__file__).with_name("pyiqa_worker.py"), *arguments],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def score(self, paths: Sequence[Path]) -> Any:
        """The answer to a list of paths."""
        try:
            print(json.dumps([f"{path}" for path in paths]), file=self._process.stdin, flush=True)
            return json.loads(self._process.stdout.readline())
        except (OSError, ValueError) as error:
            self._errors.seek(0)
            raise RuntimeError(f"pyiqa's worker failed:\n{self._errors.read()}") from error

    def close(self) -> None:
        """Let the worker end."""
        self._process.communicate()
        self._errors.close()


@contextmanager
def _torch_home() -> Iterator[Path]:
    """A folder where packages find torchvision's AlexNet without asking a network for it.

    LPIPS takes the trunk alone; the classifier is one zero that stands for all.
    """
    zero = torch.zeros(())
    state = dict(find_weights("alex").trunk)
    for name, shape in {"1": (4096, 9216), "4": (4096, 4096), "6": (1000, 4096)}.items():
        state[f"classifier.{name}.weight"] = zero.expand(shape)
        state[f"classifier.{name}.bias"] = zero.expand(shape[0])
    before = torch.hub.get_dir()
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Path(folder) / "hub" / "checkpoints"
        checkpoints.mkdir(parents=True)
        torch.save(state, checkpoints / "alexnet-owt-7be5be79.pth")
        torch.hub.set_dir(checkpoints.parent)
        try:
            yield Path(folder)
        finally:
            torch.hub.set_dir(before)
