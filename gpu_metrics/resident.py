"""What every submission needs of the reference, kept on the device as far as a budget goes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import UInt8
from torch import Tensor

from gpu_metrics.metrics.lpips import Box, crop_to, layer_weights
from gpu_metrics.metrics.trunk import Features, Network, features, features_bytes
from gpu_metrics.reference import Reference, ReferenceImage
from gpu_metrics.tensors import Mask
from gpu_metrics.timeline import span

Kept = tuple[Tensor, ...]

# of the image at work and the one before, for a measure or two of each
_LATEST = 4


class Resident:
    """Pixels, masks and LPIPS features of a reference set on one device.

    Pixels and masks take the budget first; on a GPU those beyond it wait in pinned host memory.
    Features and weights are kept when they are first computed and computed again where they do not
    fit: from host memory they would come later than the trunk makes them anew. While submissions
    are `passing` image by image, those of the latest images are kept beyond the budget. A kept
    value has the bits of a computed one, so the budget moves speed and never a digit.

    Args:
        budget: Bytes to keep on the device; `devices.default_budget` is a sensible number.
    """

    def __init__(
        self,
        reference: Reference,
        networks: Mapping[str, Network],
        device: torch.device,
        *,
        budget: int,
    ) -> None:
        self._networks = networks
        self._device = device
        self._room = budget
        self._lock = threading.Lock()
        self._kept: dict[object, Kept] = {}
        self._latest: OrderedDict[object, Kept] = OrderedDict()
        self._passing = 0
        self._images = {id_: self._place(image) for id_, image in reference.images.items()}

    def truth(self, id_: str) -> UInt8[Tensor, "1 3 H W"]:
        """Ground truth on the device."""
        return self._images[id_][0].to(self._device, non_blocking=True)[None]

    def mask(self, id_: str) -> UInt8[Tensor, "1 H W"] | None:
        """Grey values of the mask on the device; None where the profile needs none."""
        mask = self._images[id_][1]
        return None if mask is None else mask.to(self._device, non_blocking=True)[None]

    def features(self, id_: str, net: str, box: Box) -> Features:
        """LPIPS features of the ground truth inside a box."""

        def compute() -> Features:
            truth = self.truth(id_)
            with span("lpips trunk, reference", self._device):
                return features(crop_to(truth, box), self._networks[net])

        return self._keep(("features", id_, net, box), compute)

    def weights(
        self, id_: str, net: str, names: Sequence[str], regions: Mask, layers: Features
    ) -> Kept:
        """`layer_weights` of the named regions of an image."""

        def compute() -> Kept:
            with span("lpips weights", self._device):
                return layer_weights(regions, layers)

        return self._keep(("weights", id_, net, *names), compute)

    def release(self) -> bool:
        """Give back what can be computed again; False where there was nothing."""
        with self._lock:
            self._room += sum(_bytes(kept) for kept in self._kept.values())
            some = bool(self._kept or self._latest)
            self._kept, self._latest = {}, OrderedDict()
        return some

    @property
    def kept_bytes(self) -> int:
        """What features and weights take at the moment."""
        return sum(_bytes(kept) for kept in list(self._kept.values()))

    @contextmanager
    def passing(self) -> Iterator[None]:
        """While many submissions are measured image by image."""
        with self._lock:
            self._passing += 1
        try:
            yield
        finally:
            with self._lock:
                self._passing -= 1
                if not self._passing:
                    self._latest.clear()

    def would_fit(self, crops: Iterable[tuple[str, str, Box]]) -> bool:
        """Whether the features of these images, by these networks, inside these boxes, fit."""
        with self._lock:
            room = self._room + sum(_bytes(kept) for kept in self._kept.values())
        return room >= sum(
            features_bytes(bottom - top, right - left, self._networks[net])
            for _, net, (top, left, bottom, right) in crops
        )

    def _place(self, image: ReferenceImage) -> tuple[Tensor, Tensor | None]:
        if self._device.type != "cuda":
            return image.pixels, image.mask
        size = image.pixels.nbytes + (0 if image.mask is None else image.mask.nbytes)
        fits = size <= self._room
        self._room -= size if fits else 0

        def place(tensor: Tensor) -> Tensor:
            return tensor.to(self._device) if fits else tensor.pin_memory()

        return place(image.pixels), None if image.mask is None else place(image.mask)

    def _keep(self, key: object, compute: Callable[[], Kept]) -> Kept:
        if (kept := self._kept.get(key) or self._latest.get(key)) is not None:
            return kept
        made = compute()
        with self._lock:
            if key not in self._kept and _bytes(made) <= self._room:
                self._kept[key] = made
                self._room -= _bytes(made)
            elif self._passing:
                self._latest[key] = made
                while len(self._latest) > _LATEST:
                    self._latest.popitem(last=False)
        return made


def _bytes(tensors: Kept) -> int:
    return sum(tensor.nbytes for tensor in tensors)
