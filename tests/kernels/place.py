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
    """Call functions with their tensors moved to a device and their kernels on its backend.

    Without a backend a CPU runs what is compiled for it, on so many `threads`.
    """

    def __init__(self, device: str, backend: launch.Backend | None, *, threads: int = 1) -> None:
        self.device = torch.device(device)
        self.backend = backend
        self.threads = threads
        self.serves = "compiled" if backend is None and device == "cpu" else "kernel"

    def __call__(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """`function` of arguments moved to the device, its tensors moved back."""
        moved = [a.to(self.device) if isinstance(a, Tensor) else a for a in arguments]
        here = nullcontext() if self.backend is None else launch.using(self.backend)
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            with here, launch.recorded() as paths:
                result = function(*moved, **options)
        finally:
            torch.set_num_threads(before)
        taken = set().union(*paths.values())
        assert taken and all(path.startswith(self.serves) for path in taken), f"took {paths}"
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
