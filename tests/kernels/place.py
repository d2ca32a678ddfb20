"""A device with a backend that runs kernels on it, and no way to reach the twin unseen."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from gpu_metrics.kernels import launch


class Place:
    """Call functions with their tensors moved to a device and their kernels on its backend."""

    def __init__(self, device: str, backend: launch.Backend | None) -> None:
        self.device = torch.device(device)
        self.backend = backend

    def __call__(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """`function` of arguments moved to the device, its tensors moved back."""
        moved = [a.to(self.device) if isinstance(a, Tensor) else a for a in arguments]
        here = nullcontext() if self.backend is None else launch.using(self.backend)
        with here, launch.recorded() as paths:
            result = function(*moved, **options)
        taken = set().union(*paths.values())
        assert taken and all(path.startswith("kernel") for path in taken), f"took {paths}"
        if isinstance(result, Tensor):
            return result.cpu()
        return type(result)(*(part.cpu() for part in result))


def require_cuda() -> None:
    if torch.cuda.is_available() and launch.cupy is not None:
        return
    reason = "needs a CUDA device and CuPy"
    if os.environ.get("GPU_METRICS_REQUIRE_GPU") == "1":
        pytest.fail(f"GPU_METRICS_REQUIRE_GPU=1, but this run {reason}")
    pytest.skip(reason)
