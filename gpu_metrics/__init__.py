"""Batch metric engine for image-restoration leaderboards.

What is named here loads on first use, so that tools which only rank records never wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from gpu_metrics.engine import Scorer
    from gpu_metrics.metrics import Network, delta_e, lpips, mse, psnr, ssim
    from gpu_metrics.piqa.scoring import AnswerScorer
    from gpu_metrics.profiles import Profile, load_profile, profile_names
    from gpu_metrics.results import Run
    from gpu_metrics.weights import find_weights

__all__ = [
    "AnswerScorer",
    "Network",
    "Profile",
    "Run",
    "Scorer",
    "delta_e",
    "find_weights",
    "load_profile",
    "lpips",
    "mse",
    "profile_names",
    "psnr",
    "ssim",
]

_HOMES = {
    "AnswerScorer": "piqa.scoring",
    "Scorer": "engine",
    "Run": "results",
    "find_weights": "weights",
    **dict.fromkeys(("Profile", "load_profile", "profile_names"), "profiles"),
    **dict.fromkeys(("Network", "delta_e", "lpips", "mse", "psnr", "ssim"), "metrics"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
