"""Metrics of whole images by functions on float tensors: the part that all peers have in common.

It imports nothing of gpu_metrics, since one peer runs in an environment of its own.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import torch
from torch import Tensor

Function = Callable[[Tensor, Tensor], Tensor]


class FullFrame:
    """Scores pairs of files one by one, as well as torch and OpenCV let a careful user do it.

    Truths are decoded once and stay on the device, predictions are decoded ahead by one thread per
    core, and values come back from the device once, at the end.

    Args:
        metrics: Functions of a prediction and its truth, `(1, 3, H, W)` in [0, 1], by name.
        truths: Files of ground truth.
        device: Where to compute; what the functions hold must be there.
    """

    def __init__(
        self, metrics: Mapping[str, Function], truths: Sequence[Path], device: torch.device
    ) -> None:
        self._metrics = metrics
        self._device = device
        self._pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
        self._truths = [self._place(image) for image in self._pool.map(_read, truths)]

    @torch.no_grad()
    def score(self, predictions: Sequence[Path]) -> list[dict[str, float]]:
        """Values of every metric, prediction by prediction, in the order of the truths."""
        rows = []
        for image, y in zip(self._pool.map(_read, predictions), self._truths, strict=True):
            x = self._place(image)
            rows.append(
                torch.stack([f(x, y).double().flatten()[0] for f in self._metrics.values()])
            )
        return [dict(zip(self._metrics, row, strict=True)) for row in torch.stack(rows).tolist()]

    def _place(self, image: Tensor) -> Tensor:
        return image.to(self._device).permute(2, 0, 1)[None].contiguous().float() / 255


def _read(path: Path) -> Tensor:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise OSError(f"{path}: OpenCV cannot read it as an image")
    return torch.from_numpy(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
