"""From a batch of image pairs to the value of every measure of a profile, on one device."""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

from gpu_metrics.catalog import OptionValue, min_side
from gpu_metrics.kernels.region_errors import region_errors
from gpu_metrics.metrics.delta_e import delta_e, delta_e_of
from gpu_metrics.metrics.lpips import Box, crop_to, distance, fits, masked_distance
from gpu_metrics.metrics.pixel import decibels, mse, mse_of
from gpu_metrics.metrics.pool import everywhere
from gpu_metrics.metrics.ssim import ssim
from gpu_metrics.metrics.trunk import Features, Network, features
from gpu_metrics.profiles import WHOLE_IMAGE, Measure, Profile
from gpu_metrics.reference import region_mask
from gpu_metrics.resident import Resident
from gpu_metrics.targets import Target
from gpu_metrics.tensors import Mask
from gpu_metrics.timeline import span


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
