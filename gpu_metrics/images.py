"""Images as tensors, from files that were checked and decoded, or from arrays."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from gpu_metrics.errors import InputError
from gpu_metrics.intake.decoding import DECODERS, OFFICIAL, decode, decode_mask
from gpu_metrics.intake.policy import Policy

DECODER = ", ".join(f"{name} {version}" for name, version in DECODERS.items())


@dataclass(frozen=True, slots=True)
class Picture:
    """Decoded pixels and the hash of the bytes they came from.

    `decoder` names what decoded a file, `notes` are remarks on it; both are empty for arrays.
    """

    pixels: UInt8[Tensor, "C H W"]
    sha256: str
    decoder: str = ""
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> str:
        """Width x height, as people write it."""
        return f"{self.pixels.shape[2]} x {self.pixels.shape[1]}"


def picture_from(
    data: bytes,
    policy: Policy = OFFICIAL,
    size: tuple[int, int] | None = None,
    *,
    sha256: str | None = None,
) -> Picture:
    """The RGB image in the bytes of a file, `(3, H, W)`.

    Args:
        data: The whole file.
        policy: What to do with files that are valid and yet not plain 8-bit RGB.
        size: Width and height that the image must have; None bounds only its pixels.
        sha256: Of `data`, where it is known already.

    Raises:
        InputError: There is no such image; the message is safe for participants.
        EngineError: A decoder cannot be started.
    """
    decoded = decode(data, policy=policy, size=size)
    return Picture(_planes(decoded.pixels), sha256 or _sha256(data), decoded.decoder, decoded.notes)


def read_color(path: Path) -> Picture:
    """The RGB image in a file, `(3, H, W)`; InputError without the path where there is none."""
    return picture_from(_read(path))


def read_mask(path: Path) -> Picture:
    """The grey values of a mask in 0..255, `(1, H, W)`; masks of zeros and ones are scaled up."""
    data = _read(path)
    return Picture(_planes(decode_mask(data)[..., None]), _sha256(data))


def picture_of(array: object) -> Picture:
    """An image that is in memory already: a uint8 array `(H, W, 3)`, or a tensor `(3, H, W)`.

    It is copied, so that pixels and hash belong together whatever the caller writes later.
    """
    if isinstance(array, Tensor):
        fits = array.dtype == torch.uint8 and array.dim() == 3 and array.shape[0] == 3
        layout, rows = "(3, H, W)", array.detach().cpu().movedim(0, -1).numpy() if fits else None
    elif isinstance(array, np.ndarray):
        fits = array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3
        layout, rows = "(H, W, 3)", array if fits else None
    else:
        raise InputError(f"expected an array or a tensor, got {type(array).__name__}")
    if rows is None:
        raise InputError(
            f"expected a uint8 RGB image {layout}, got {array.dtype} {tuple(array.shape)}"
        )
    rows = np.array(rows, order="C")
    return Picture(_planes(rows), _sha256(rows.tobytes()))


def _read(path: Path) -> bytes:
    try:
        # a pipe would keep its reader waiting
        if path.exists() and not path.is_file():
            raise InputError("not a regular file")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from error


def _planes(rows: UInt8[np.ndarray, "H W C"]) -> UInt8[Tensor, "C H W"]:
    return torch.from_numpy(rows).permute(2, 0, 1)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
