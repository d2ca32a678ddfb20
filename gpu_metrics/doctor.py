"""What runs where on this machine, and whether known answers come out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from gpu_metrics.devices import device_facts
from gpu_metrics.errors import WeightsError
from gpu_metrics.images import DECODER
from gpu_metrics.metrics import Network, delta_e, lpips, mse, ssim
from gpu_metrics.precision import repeatable
from gpu_metrics.versions import installed_version
from gpu_metrics.weights import PUBLISHED, Weights, find_weights


@dataclass(frozen=True, slots=True)
class Check:
    """One known answer: what was expected, what came, and how far apart they may be."""

    name: str
    expected: float
    actual: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the answer is the known one; a tolerance of 0 asks for the same bits."""
        return abs(self.actual - self.expected) <= self.tolerance


# measured once on a CPU; these metrics must give the very bits on any device
_KNOWN_BITS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], str]] = {
    "mse": (mse, "0x1.5a330be4bd967p-11"),
    "ssim, binomial, luma": (
        partial(ssim, window="binomial", color="luma"),
        "0x1.db77d7c4eaaabp-1",
    ),
    "ssim, gaussian": (ssim, "0x1.c9b154ec72f43p-1"),
    "delta_e, opencv-8bit": (partial(delta_e, formula="opencv-8bit"), "0x1.beacf5c380000p+2"),
    "delta_e, cie76": (partial(delta_e, formula="cie76"), "0x1.63f643bd95555p+2"),
    "delta_e, ciede2000": (delta_e, "0x1.9edadcdeb5555p+1"),
}
_KNOWN_LPIPS = {"alex": "0x1.e70a5aa41e12dp-12", "vgg": "0x1.b7d06f5bb4099p-4"}


def facts() -> dict[str, str]:
    """Versions and devices, as far as they bear on scores."""
    found = {
        "torch": torch.__version__,
        "decoder": DECODER,
        "kornia": f"{installed_version('kornia')}",
        "numba": f"{installed_version('numba')}",
        "cupy": installed_version("cupy-cuda12x", "cupy-cuda13x") or "absent",
        "cpu": ", ".join(f"{k} {v}" for k, v in device_facts(torch.device("cpu")).items()),
    }
    for index in range(torch.cuda.device_count()):
        device = torch.device("cuda", index)
        found[f"cuda:{index}"] = ", ".join(f"{k} {v}" for k, v in device_facts(device).items())
    if not torch.cuda.is_available():
        found["cuda"] = "no device; everything runs on the cpu"
    return found


def known_answers(device: torch.device) -> list[Check]:
    """Every metric on two small synthetic images, against answers that were stored.

    LPIPS is left out where its weights are not at hand; see `missing_weights`.
    """
    x, y = (image.to(device) for image in synthetic_pair())
    checks = []
    with repeatable():
        for name, (metric, bits) in _KNOWN_BITS.items():
            checks.append(Check(name, float.fromhex(bits), metric(x, y).item(), 0.0))
        for net, network in _networks(device).items():
            expected = float.fromhex(_KNOWN_LPIPS[net])
            actual = lpips(x, y, network=network).item()
            checks.append(Check(f"lpips, {net}", expected, actual, 1e-5 * expected))
    return checks


def synthetic_pair() -> tuple[Tensor, Tensor]:
    """Two 64 x 96 images, `(1, 3, 64, 96)`, from integer arithmetic alone."""
    row = torch.arange(64).view(1, 64, 1)
    column = torch.arange(96).view(1, 1, 96)
    channel = torch.arange(3).view(3, 1, 1)
    y = (row * 3 + column * 2 + channel * 40 + (row * column) // 16) % 256
    x = (y + (row * 7 + column * 13 + channel * 5) % 23 - 11).clamp(0, 255)
    return x[None].to(torch.uint8), y[None].to(torch.uint8)


def missing_weights() -> dict[str, str]:
    """Networks whose weights are not at hand, and why."""
    return {net: str(error) for net, error in _weights().items() if isinstance(error, Exception)}


def _networks(device: torch.device) -> dict[str, Network]:
    found = _weights().items()
    return {net: Network.build(w, device=device) for net, w in found if isinstance(w, Weights)}


def _weights() -> dict[str, Weights | WeightsError]:
    found: dict[str, Weights | WeightsError] = {}
    for net in PUBLISHED:
        try:
            found[net] = find_weights(net, offline=True)
        except WeightsError as error:
            found[net] = error
    return found
