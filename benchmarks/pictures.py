"""Reference sets and submissions of any size, drawn: smooth with noise, as photographs are."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np


class Drawn(NamedTuple):
    """A reference set with a mask for each image, and submissions that answer to it."""

    reference: Path
    submissions: list[Path]


def draw_set(folder: Path, *, images: int, height: int, width: int, submissions: int = 1) -> Drawn:
    """Write `images` references with a person in half of the frame, and noisier copies of them."""
    reference = folder / "reference"
    answers = [folder / "submissions" / f"{number:04}" for number in range(submissions)]
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (width // 2, 6 * height // 10), (3 * width // 10, 2 * height // 5), *FULL)
    for number in range(1, images + 1):
        random = np.random.Generator(np.random.PCG64(number))
        coarse = random.uniform(0, 255, (22, 16, 3)).astype(np.float32)
        smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        name = f"{number:03}.png"
        _write(reference / "gt" / name, smooth + random.normal(0, 1.5, smooth.shape))
        _write(reference / "mask" / name, mask)
        for answer in answers:
            _write(answer / name, smooth + random.normal(0, 5, smooth.shape))
    return Drawn(reference, answers)


# a whole ellipse in white
FULL = (0, 0, 360, 255, -1)


def _write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels.clip(0, 255).round().astype(np.uint8)
    # the level that challenges' participants get by default from OpenCV
    if not cv2.imwrite(str(path), image):
        raise OSError(f"{path}: OpenCV cannot write it")
