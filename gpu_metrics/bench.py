"""How long a submission takes on this machine, beside the organisers' procedure in the same run."""

import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

import gpu_metrics
from gpu_metrics.devices import cores, device_facts
from gpu_metrics.engine import Scorer
from gpu_metrics.errors import EngineError, InputError
from gpu_metrics.official import lpips_package, official_scores, read, read_person
from gpu_metrics.reference import ReferenceImage
from gpu_metrics.results import Run
from gpu_metrics.timeline import Stage, recording
from gpu_metrics.versions import installed_version

OFFICIAL = "raim2026-flash-portrait"
PACKAGES = (
    *("torch", "numba", "imgread", "opencv-python-headless", "lpips"),
    *("cupy-cuda12x", "cupy-cuda13x"),
)

# what the organisers' float32 differs from ours by on photographs, and room for other ones
_AGREES = {"psnr_bg": 1e-4, "ssim_global": 2e-5, "delta_e_person": 1e-4, "lpips_person": 1e-5}
# on a GPU their convolutions run in TF32, which moves SSIM by 4e-3 and LPIPS by 1e-4
_AGREES_IN_TF32 = _AGREES | {"ssim_global": 2e-2, "lpips_person": 1e-3}


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds per image of one way to score, over several rounds."""

    name: str
    images: int
    seconds_per_image: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median over rounds."""
        return statistics.median(self.seconds_per_image)


@dataclass(frozen=True, slots=True)
class Report:
    """What `bench` found, ready for JSON: timings, stages, and what they were measured on."""

    profile: str
    images: int
    megapixels: float
    timings: tuple[Timing, ...]
    stages: tuple[Stage, ...]
    machine: Mapping[str, Any]

    def speedup(self) -> float | None:
        """How many times as fast a warm scorer is as the organisers' procedure."""
        medians = {timing.name: timing.median for timing in self.timings}
        official = medians.get("official procedure")
        return official / medians["ours, warm"] if official else None

    def record(self) -> dict[str, Any]:
        """All of it as plain values, with the medians and the speedup that follow from it."""
        medians = {timing.name: timing.median for timing in self.timings}
        return asdict(self) | {"medians": medians, "times_as_fast": self.speedup()}


def bench(
    scorer: Scorer,
    submission: Path,
    *,
    rounds: int = 5,
    official_images: int = 6,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Time a scorer on one submission, and the organisers' procedure where the profile is theirs.

    The two take turns, so that a machine that slows down slows both. Their answers are compared
    before any time counts.

    Args:
        scorer: Just built: its first submission is timed apart, since it fills what is kept.
        submission: A folder of images.
        rounds: Timed repetitions of each.
        official_images: How many of the images the organisers' procedure is timed on.

    Raises:
        EngineError: The answers differ.
    """
    if rounds < 1 or official_images < 0:
        raise InputError(
            f"expected 1 or more rounds and 0 or more official_images, got {rounds} and "
            f"{official_images}"
        )
    run, first = _timed(lambda: scorer.score(submission))
    if run.rejected:
        raise InputError(f"{submission}: {run.rejected[0].file}: {run.rejected[0].reason}")
    plain = Official(scorer, submission, run, official_images)
    warm, official = [], []
    for done in range(rounds):
        warm.append(_timed(lambda: scorer.score(submission))[1] / len(run.images))
        if plain.images:
            official.append(_timed(plain.score)[1] / len(plain.images))
        on_progress(done + 1, rounds)
    with recording() as timeline:
        scorer.score(submission)
    timings = [
        Timing("ours, first submission", len(run.images), (first / len(run.images),)),
        Timing("ours, warm", len(run.images), tuple(warm)),
    ]
    if official:
        timings.append(Timing("official procedure", len(plain.images), tuple(official)))
    pixels = sum(image.pixels[0].numel() for image in scorer.reference.images.values())
    return Report(
        profile=scorer.profile.name,
        images=len(run.images),
        megapixels=round(pixels / 1e6, 2),
        timings=tuple(timings),
        stages=tuple(timeline.stages()),
        machine=machine(scorer.device),
    )


class Official:
    """The organisers' procedure on the first images of a submission that it has values for.

    On none for other profiles, and where images or their references are no files of a folder.
    """

    def __init__(self, scorer: Scorer, submission: Path, run: Run, most: int) -> None:
        truths = [image.files.gt for image in scorer.reference.images.values()]
        files_alone = submission.is_dir() and all(path.is_file() for path in truths)
        rows = [row for row in run.images if None not in row.values.values()][:most]
        rows = rows if scorer.profile.name == OFFICIAL and files_alone else []
        files = run.provenance["files"]
        self._device = scorer.device
        self.images: list[tuple[Path, ReferenceImage]] = [
            (submission / files[row.id]["file"], scorer.reference.images[row.id]) for row in rows
        ]
        if not self.images:
            return
        self._model = lpips_package("alex").to(self._device)
        for row, scores in zip(rows, self.score(), strict=True):
            _check(row.id, row.values, scores, self._device)

    def score(self) -> list[dict[str, float]]:
        """Decode prediction, truth and mask of each image, and measure."""
        scores = []
        for path, target in self.images:
            if target.files.mask is None:
                raise InputError(f"{target.id}: the organisers' procedure needs a mask")
            images = read(path), read(target.files.gt), read_person(target.files.mask)
            dtype = torch.float32
            scores.append(official_scores(*images, self._model, dtype, self._device))
        return scores


def machine(device: torch.device) -> dict[str, Any]:
    """Device and versions, for a record of timings."""
    return {
        "gpu_metrics": gpu_metrics.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": cores(),
        **device_facts(device),
        **{package: installed_version(package) for package in PACKAGES},
    }


def _check(
    id_: str,
    ours: Mapping[str, float | None],
    official: Mapping[str, float],
    device: torch.device,
) -> None:
    tolerances = _AGREES_IN_TF32 if device.type == "cuda" else _AGREES
    for name, tolerance in tolerances.items():
        value = ours[name]
        if value is None or not abs(value - official[name]) <= tolerance:
            raise EngineError(f"{id_}: {name} is {value}, the organisers' is {official[name]}")


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start
