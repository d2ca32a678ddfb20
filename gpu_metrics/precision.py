"""The settings under which scores repeat, put in force and taken back around the engine's work."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from operator import attrgetter

import torch

# what a host application may have set, and what repeatable float32 asks for: TF32 alone moves
# SSIM by 4e-3 and LPIPS by 1e-4
_SETTINGS = {
    "cuda.matmul.fp32_precision": "ieee",
    "cudnn.conv.fp32_precision": "ieee",
    "mkldnn.conv.fp32_precision": "ieee",
    "mkldnn.matmul.fp32_precision": "ieee",
    "cudnn.benchmark": False,
    "cudnn.deterministic": True,
}

_lock = threading.Lock()
_users = 0
_before: dict[str, object] = {}


@contextmanager
def repeatable() -> Iterator[None]:
    """Full float32, deterministic convolutions, no autocast, no gradients; restored at the end.

    The backends' settings belong to the process: they are changed by the first thread that enters
    and restored by the last that leaves, so threads may overlap.
    """
    _enter()
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            for device in ("cpu", "cuda"):
                stack.enter_context(torch.autocast(device, enabled=False))
            yield
    finally:
        _leave()


def _enter() -> None:
    global _users, _before
    with _lock:
        if _users == 0:
            _before = {name: attrgetter(name)(torch.backends) for name in _SETTINGS}
            _set(_SETTINGS)
        _users += 1


def _leave() -> None:
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            _set(_before)


def _set(values: Mapping[str, object]) -> None:
    for path, value in values.items():
        owner, _, name = path.rpartition(".")
        setattr(attrgetter(owner)(torch.backends), name, value)
