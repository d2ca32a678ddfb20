"""From a batch of image pairs to the value of every measure of a profile, on one device."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, UInt8
from torch import Tensor

from gpu_metrics.catalog import OptionValue, min_side
from gpu_metrics.kernels.region_errors import region_errors
from gpu_metrics.metrics.delta_e import delta_e, delta_e_of
from gpu_metrics.metrics.lpips import (
    Box,
    box_around,
    crop_to,
    distance,
    fits,
    masked_distance,
)
from gpu_metrics.metrics.pixel import decibels, mse, mse_of
from gpu_metrics.metrics.pool import everywhere
from gpu_metrics.metrics.ssim import ssim
from gpu_metrics.metrics.trunk import Features, Network, features
from gpu_metrics.profiles import WHOLE_IMAGE, Measure, Profile
from gpu_metrics.reference import ReferenceImage, region_mask
from gpu_metrics.resident import Resident
from gpu_metrics.tensors import Mask
from gpu_metrics.timeline import span


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


def measure(
    x: UInt8[Tensor, "B 3 H W"],
    targets: Sequence[Target],
    known: Resident,
    profile: Profile,
    networks: Mapping[str, Network],
) -> Float64[Tensor, "B M"]:
    """Every measure of every candidate, on its device; NaN where it has no value.

    A PSNR comes as its mean squared error, which `finish` turns into decibels on the host.

    Args:
        x: Candidates, all of one shape.
        targets: The reference image of each.
        known: What is known of the reference on the device of `x`.
        profile, networks: What to measure, with what.
    """
    ids = [target.image.id for target in targets]
    y = _batch([known.truth(id_) for id_ in ids])
    masks = [mask for id_ in ids if (mask := known.mask(id_)) is not None]
    mask = _batch(masks) if masks else None
    columns: dict[str, Tensor] = {}
    for group in _groups(profile):
        first = group[0]
        regions = _regions(x, mask, profile, group)
        if first.metric == "lpips":
            network = networks[str(first.options["net"])]
            values = _lpips(x, regions, group, targets, known, network)
            columns |= {item.name: values[:, i] for i, item in enumerate(group)}
        elif _by_region_errors(first):
            with span("squared errors and 8-bit Lab", x.device):
                columns |= _region_errors(x, y, regions, group)
        else:
            inside = None if first.region == WHOLE_IMAGE else regions
            with span(first.metric, x.device):
                values = _pixelwise(x, y, inside, first).reshape(len(x), -1)
            columns |= {item.name: values[:, i] for i, item in enumerate(group)}
    return torch.stack([columns[name] for name in profile.measures], dim=1)


def finish(item: Measure, value: float) -> float | None:
    """The value of a measure as the record keeps it; None where there is none."""
    if math.isnan(value):
        return None
    if item.metric == "psnr":
        return decibels(value, identical=float(item.options["identical"]))
    return value


def _groups(profile: Profile) -> list[list[Measure]]:
    """Measures that one pass over the images serves: they differ in their region alone."""
    groups: dict[tuple[object, ...], list[Measure]] = {}
    for item in profile.measures.values():
        key: tuple[object, ...] = ("region errors",)
        if not _by_region_errors(item):
            options = {k: v for k, v in item.options.items() if k != "identical"}
            whole = item.name if item.region == WHOLE_IMAGE else None
            key = (item.metric, whole, *sorted(options.items()))
        groups.setdefault(key, []).append(item)
    return list(groups.values())


def _regions(
    x: Tensor, mask: UInt8[Tensor, "B H W"] | None, profile: Profile, group: list[Measure]
) -> Mask:
    """The region of each measure of a group, `(B, R, H, W)`."""
    if mask is None:
        return everywhere(x).expand(-1, len(group), -1, -1)
    return torch.stack(
        [
            torch.ones_like(mask, dtype=torch.bool)
            if item.region == WHOLE_IMAGE
            else region_mask(mask, profile.regions[item.region])
            for item in group
        ],
        dim=1,
    )


def _by_region_errors(item: Measure) -> bool:
    """Whether one pass over the bytes gives this measure beside others."""
    if item.metric == "delta_e":
        return item.options["formula"] == "opencv-8bit"
    plain = item.options.get("color") == "rgb" and item.options.get("border") == 0
    return item.metric in ("psnr", "mse") and plain


def _region_errors(
    x: Tensor, y: Tensor, regions: Mask, group: list[Measure]
) -> dict[str, Float64[Tensor, "B"]]:
    errors = region_errors(x, y, regions, lab=any(item.metric == "delta_e" for item in group))
    squared, distance = mse_of(errors), delta_e_of(errors)
    return {
        item.name: (distance if item.metric == "delta_e" else squared)[:, i]
        for i, item in enumerate(group)
    }


def _pixelwise(x: Tensor, y: Tensor, regions: Mask | None, item: Measure) -> Tensor:
    options: Mapping[str, OptionValue] = item.options
    if min(x.shape[-2:]) < min_side(item.metric, options):
        return _nothing(x, regions)
    match item.metric:
        case "psnr" | "mse":
            color, border = str(options["color"]), int(options["border"])
            return mse(x, y, regions, color=color, border=border)
        case "ssim":
            color, border = str(options["color"]), int(options["border"])
            window = str(options["window"])
            return ssim(x, y, regions, window=window, color=color, border=border)
        case "delta_e":
            return delta_e(x, y, regions, formula=str(options["formula"]))
    raise NotImplementedError(f"{item.metric} is catalogued but not measured")


def _lpips(
    x: Tensor,
    regions: Mask,
    group: Sequence[Measure],
    targets: Sequence[Target],
    known: Resident,
    network: Network,
) -> Float64[Tensor, "B R"]:
    """LPIPS image by image, since crops differ in size and the trunk takes one at a time."""
    if group[0].options["mode"] == "box" and group[0].region != WHOLE_IMAGE:
        rows = [
            [_apart(x[i : i + 1], target, target.boxes[m.name], known, network) for m in group]
            for i, target in enumerate(targets)
        ]
        return torch.stack([torch.cat(row) for row in rows])
    if min(x.shape[-2:]) < network.layout.min_side:
        return _nothing(x, regions)
    if group[0].region == WHOLE_IMAGE:
        whole = [_apart(x[i : i + 1], t, _whole(x), known, network) for i, t in enumerate(targets)]
        return torch.stack(whole)
    names = [item.region for item in group]
    mapped = []
    for i, target in enumerate(targets):
        id_ = target.image.id
        fx, fy = _features(x[i : i + 1], network), known.features(id_, network.net, _whole(x))
        weights = known.weights(id_, network.net, names, regions[i : i + 1], fy)
        with span("lpips distance", x.device):
            mapped.append(masked_distance(fx, fy, network, weights))
    return torch.cat(mapped)


def _apart(
    x: Tensor, target: Target, box: Box | None, known: Resident, network: Network
) -> Float64[Tensor, "1"]:
    """LPIPS of a crop; NaN for no box or one too small."""
    if box is None or not fits(box, network):
        return torch.full((1,), math.nan, dtype=torch.float64, device=x.device)
    fx = _features(crop_to(x, box), network)
    fy = known.features(target.image.id, network.net, box)
    with span("lpips distance", x.device):
        return distance(fx, fy, network)


def _features(x: Tensor, network: Network) -> Features:
    with span("lpips trunk", x.device):
        return features(x, network)


def _whole(x: Tensor) -> Box:
    return (0, 0, x.shape[-2], x.shape[-1])


def _batch(images: Sequence[Tensor]) -> Tensor:
    return images[0] if len(images) == 1 else torch.cat(list(images))


def _nothing(x: Tensor, regions: Mask | None) -> Tensor:
    count = 1 if regions is None else regions.shape[1]
    return x.new_full((len(x), count), math.nan, dtype=torch.float64)


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
