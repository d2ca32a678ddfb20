"""A reference image with what can be said of it before any submission is seen."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool

from gpu_metrics.catalog import min_side
from gpu_metrics.metrics.lpips import Box, box_around
from gpu_metrics.profiles import WHOLE_IMAGE, Measure, Profile
from gpu_metrics.reference import ReferenceImage, region_mask


@dataclass(frozen=True, slots=True)
class Target:
    """One reference image, and what can be said of it before any submission is seen.

    Attributes:
        pixels: Number of pixels of each region, the whole image among them.
        boxes: What a measure in mode "box" crops to; None where it has no value.
        undefined: Why a measure has no value on this image, for those that have none.
    """

    image: ReferenceImage
    pixels: Mapping[str, int]
    boxes: Mapping[str, Box | None]
    undefined: Mapping[str, str]

    @classmethod
    def prepare(cls, image: ReferenceImage, profile: Profile) -> "Target":
        """Count pixels, find boxes, and tell which measures are defined."""
        # NumPy counts and searches booleans at a twentieth of what torch takes
        regions = {WHOLE_IMAGE: np.ones(image.pixels.shape[1:], dtype=np.bool_)}
        if image.mask is not None:
            mask = image.mask.numpy()
            regions |= {name: region_mask(mask, rule) for name, rule in profile.regions.items()}
        pixels = {name: int(np.count_nonzero(region)) for name, region in regions.items()}
        boxes, undefined = {}, {}
        for name, item in profile.measures.items():
            region = regions[item.region]
            if _boxed(item):
                rows, columns = (torch.from_numpy(region.any(axis=axis)) for axis in (1, 0))
                boxes[name] = box_around(rows, columns, int(item.options["pad"]))
            if reason := _undefined(item, region, boxes.get(name)):
                undefined[name] = reason
        return cls(image, pixels, boxes, undefined)

    def crop(self, item: Measure) -> Box | None:
        """What the network of an LPIPS measure sees of the image; None where it has no value."""
        if item.name in self.undefined:
            return None
        height, width = self.image.pixels.shape[1:]
        return self.boxes.get(item.name, (0, 0, height, width))


def _boxed(item: Measure) -> bool:
    return item.options.get("mode") == "box" and item.region != WHOLE_IMAGE


def _undefined(item: Measure, region: Bool[np.ndarray, "H W"], box: Box | None) -> str | None:
    if not region.any():
        return f"the region {item.region} selects no pixel"
    side = min_side(item.metric, item.options)
    height, width = region.shape
    what = ""
    if box is not None:
        height, width, what = box[2] - box[0], box[3] - box[1], "a box of "
    if min(height, width) < side:
        return f"not defined for {what}{width} x {height} (needs {side} x {side})"
    margin = (side - 1) // 2
    inner = region[margin : height - margin, margin : width - margin]
    if item.metric not in ("lpips", "delta_e") and not inner.any():
        return f"the region {item.region} touches no pixel where the window fits"
    return None
