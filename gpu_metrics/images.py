"""Image files as pixels, decoded as the official scorers do: by OpenCV, to 8 bits.

Colors are what `cv2.IMREAD_COLOR` makes of a file: 16 bits are cut to 8, palettes and grey are
expanded to RGB, alpha is dropped without blending, EXIF orientation is applied, color profiles are
ignored.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from gpu_metrics.errors import InputError

DECODER = f"opencv {cv2.__version__}"


@dataclass(frozen=True, slots=True)
class Picture:
    """Decoded pixels and the hash of the bytes they came from."""

    pixels: UInt8[Tensor, "C H W"]
    sha256: str

    @property
    def size(self) -> str:
        """Width x height, as people write it."""
        return f"{self.pixels.shape[2]} x {self.pixels.shape[1]}"


def read_color(path: Path) -> Picture:
    """The RGB image in a file, `(3, H, W)`; InputError without the path where there is none."""
    return color_of(_read(path))


def color_of(data: bytes) -> Picture:
    """The RGB image in the bytes of a file, `(3, H, W)`; InputError where there is none."""
    if not data:
        raise InputError("empty file")
    bgr = _decode(data, cv2.IMREAD_COLOR)
    return _picture(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), data)


def read_mask(path: Path) -> Picture:
    """The grey values of a mask in 0..255, `(1, H, W)`; masks of zeros and ones are scaled up."""
    data = _read(path)
    grey = _decode(data, cv2.IMREAD_GRAYSCALE)[..., None]
    return _picture(grey * np.uint8(255) if grey.max() <= 1 else grey, data)


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
    return _picture(rows, rows.tobytes())


def _read(path: Path) -> bytes:
    try:
        # a pipe would keep its reader waiting
        if path.exists() and not path.is_file():
            raise InputError("not a regular file")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from error
    if not data:
        raise InputError("empty file")
    return data


def _decode(data: bytes, flags: int) -> "np.ndarray":
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise InputError(f"cannot be decoded as an image: {error.err}") from error
    if image is None or _lacks_its_end(data):
        raise InputError("cannot be decoded as an image; it is damaged or no image at all")
    return image


def _lacks_its_end(data: bytes) -> bool:
    """Whether a JPEG was cut short; OpenCV before 5 paints what is missing grey."""
    return data.startswith(b"\xff\xd8") and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")


def _picture(rows: "np.ndarray", data: bytes) -> Picture:
    pixels = torch.from_numpy(rows).permute(2, 0, 1)
    return Picture(pixels, hashlib.sha256(data).hexdigest())
