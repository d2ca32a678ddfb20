"""Devices: which one a name stands for, what it is, and how much of it there is."""

import os
import re
from pathlib import Path
from typing import Any

import torch

from gpu_metrics.errors import EngineError, InputError

# of what is free on a GPU, and of what a process may have on a host
_SHARE = {"cuda": 0.5, "cpu": 0.25}


def choose_device(name: str) -> torch.device:
    """The device that "auto", "cpu", "cuda" or "cuda:1" stands for; EngineError if absent."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if re.fullmatch(r"cpu|cuda(:[0-9]+)?", name) is None:
        raise InputError(f"device: expected 'auto', 'cpu', 'cuda' or 'cuda:N', got {name!r}")
    if name == "cpu":
        return torch.device(name)
    count, index = torch.cuda.device_count(), name.partition(":")[2]
    if int(index or 0) >= count:
        raise EngineError(f"device {name!r} is not there; CUDA devices found: {count}")
    # threads have current devices of their own; one scorer stays on one
    return torch.device("cuda", int(index or torch.cuda.current_device()))


def cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def device_facts(device: torch.device) -> dict[str, Any]:
    """Name and versions that belong to a device."""
    if device.type != "cuda":
        return {"device": "cpu", "cpu": torch.backends.cpu.get_cpu_capability()}
    return {
        "device": torch.cuda.get_device_name(device),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


def default_budget(device: torch.device) -> int:
    """Half of a GPU's free memory, or a quarter of the memory this process may have, in bytes."""
    if device.type == "cuda":
        available = torch.cuda.mem_get_info(device)[0]
    else:
        available = min(
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), _container_limit()
        )
    return int(_SHARE[device.type] * available)


def _container_limit() -> int:
    """The memory limit of this control group; where there is none, more than any machine has."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return int(Path(path).read_text())
        except (OSError, ValueError):
            continue
    return 2**62
