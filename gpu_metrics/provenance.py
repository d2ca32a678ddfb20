"""What a run was computed with, so that two scores that differ can be explained."""

import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

import gpu_metrics
from gpu_metrics.images import DECODER
from gpu_metrics.weights import Weights


def provenance(
    device: torch.device,
    weights: Mapping[str, Weights],
    *,
    kernels: Mapping[str, Iterable[str]],
    reference_sha256: str,
    files: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """Versions, device, decoder, weights and hashes of everything that was read.

    Args:
        device: Where metrics were computed.
        weights: The networks used, by name.
        kernels: Which path served each kernel: the kernel itself, or its twin and why.
        reference_sha256: Hash over ground truth and masks.
        files: For each image id, the `file` scored and the `sha256` of its bytes.
    """
    return {
        "engine": gpu_metrics.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "torch": torch.__version__,
        "kornia": installed_version("kornia"),
        "decoder": DECODER,
        **device_facts(device),
        "kernels": {name: sorted(paths) for name, paths in sorted(kernels.items())},
        "tf32": "off",
        "weights": {
            net: {"sha256": found.sha256, "source": found.source} for net, found in weights.items()
        },
        "reference_sha256": reference_sha256,
        "files": {id_: dict(entry) for id_, entry in files.items()},
    }


def device_facts(device: torch.device) -> dict[str, Any]:
    """Name and versions that belong to a device."""
    if device.type != "cuda":
        return {"device": "cpu", "threads": torch.get_num_threads()}
    return {
        "device": torch.cuda.get_device_name(device),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


def installed_version(package: str) -> str | None:
    """Version of an installed package; None where it is absent."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
