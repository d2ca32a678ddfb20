"""What a run was computed with, so that two scores that differ can be explained."""

import platform
from collections.abc import Iterable, Mapping
from typing import Any

import torch

import gpu_metrics
from gpu_metrics.devices import device_facts
from gpu_metrics.submissions import Origin
from gpu_metrics.versions import installed_version
from gpu_metrics.weights import Weights


def provenance(
    device: torch.device,
    weights: Mapping[str, Weights],
    *,
    kernels: Mapping[str, Iterable[str]],
    reference_sha256: str,
    origins: Iterable[Origin],
    cached: int,
    readme: Mapping[str, str] | None,
) -> dict[str, Any]:
    """Versions, device, decoders, weights and hashes of everything that was read.

    Args:
        device: Where metrics were computed.
        weights: The networks used, by name.
        kernels: Which path served each kernel: the kernel itself, its compiled form on a CPU, or
            its twin and why.
        reference_sha256: Hash over ground truth and masks.
        origins: Where the pixels of each scored image came from.
        cached: How many rows were known from an earlier run.
        readme: What a submission says of itself.
    """
    origins = list(origins)
    record: dict[str, Any] = {
        "engine": gpu_metrics.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "torch": torch.__version__,
        "kornia": installed_version("kornia"),
        "numba": installed_version("numba"),
        "decoders": sorted({origin.decoder for origin in origins}),
        **device_facts(device),
        "kernels": {name: sorted(paths) for name, paths in sorted(kernels.items())},
        "tf32": "off",
        "weights": {
            net: {"sha256": found.sha256, "source": found.source} for net, found in weights.items()
        },
        "reference_sha256": reference_sha256,
        "cached": cached,
        "files": {o.target.id: {"file": o.file, "sha256": o.sha256} for o in origins},
    }
    return record if readme is None else record | {"readme": dict(readme)}
