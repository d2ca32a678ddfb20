"""Linear light: the way from 8-bit sRGB to it, and back through a table so that bits repeat."""

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from gpu_metrics.demo.photographs import Image

Light = Float32[np.ndarray, "H W 3"]

STEPS = 65535


def to_light(image: Image) -> Light:
    """Linear light in [0, 1] of an 8-bit sRGB image."""
    return np.asarray(_TO_LIGHT[image])


def to_srgb(light: Light) -> Image:
    """8-bit sRGB of linear light; what lies outside [0, 1] is clipped."""
    return np.asarray(_TO_SRGB[(np.clip(light, 0, 1) * STEPS + 0.5).astype(np.uint16)])


def _decode(encoded: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def _encode(light: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


_TO_LIGHT = _decode(np.arange(256) / 255).astype(np.float32)
_TO_SRGB = np.rint(255 * _encode(np.arange(STEPS + 1) / STEPS)).astype(np.uint8)
