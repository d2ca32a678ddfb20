"""What every submission needs of the reference, kept on the device as far as a budget goes."""

import threading
from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import UInt8
from torch import Tensor

from gpu_metrics.metrics.lpips import Box, crop_to, layer_weights
from gpu_metrics.metrics.trunk import Features, Network, features
from gpu_metrics.reference import Reference, ReferenceImage
from gpu_metrics.tensors import Mask
from gpu_metrics.timeline import span

Kept = tuple[Tensor, ...]


class Resident:
    """Pixels, masks and LPIPS features of a reference set on one device.

    Pixels and masks take the budget first; on a GPU those beyond it wait in pinned host memory.
    Features and weights are kept when they are first computed and computed again where they do not
    fit: from host memory they would come later than the trunk makes them anew. A kept value has
    the bits of a computed one, so the budget moves speed and never a digit.

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
            some, self._kept = bool(self._kept), {}
        return some

    @property
    def kept_bytes(self) -> int:
        """What features and weights take at the moment."""
        return sum(_bytes(kept) for kept in list(self._kept.values()))

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
        if (kept := self._kept.get(key)) is not None:
            return kept
        made = compute()
        with self._lock:
            if key not in self._kept and _bytes(made) <= self._room:
                self._kept[key] = made
                self._room -= _bytes(made)
        return made


def _bytes(tensors: Kept) -> int:
    return sum(tensor.nbytes for tensor in tensors)
