"""The two filters that scenes and restorations share: a wide blur and the guided filter."""

import cv2
import numpy as np
from jaxtyping import Float32

Plane = Float32[np.ndarray, "H W"]

SHRINK = 8


def wide_blur(image: Float32[np.ndarray, "H W *C"], sigma: float) -> Float32[np.ndarray, "H W *C"]:
    """A Gaussian blur of many pixels, computed on a copy eight times smaller."""
    height, width = image.shape[:2]
    size = (max(width // SHRINK, 1), max(height // SHRINK, 1))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / SHRINK, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def guided(plane: Plane, guide: Plane, *, radius: int, variance: float) -> Plane:
    """`plane` smoothed where `guide` varies by less than `variance`, kept where it varies more.

    Reference:
        He, Sun and Tang, "Guided image filtering", ECCV 2010.
    """
    mean_guide, mean_plane = _box(guide, radius), _box(plane, radius)
    covariance = _box(guide * plane, radius) - mean_guide * mean_plane
    spread = _box(guide * guide, radius) - mean_guide * mean_guide
    slope = covariance / (np.maximum(spread, 0) + np.float32(variance))
    offset = mean_plane - slope * mean_guide
    return np.asarray(_box(slope, radius) * guide + _box(offset, radius))


def _box(plane: Plane, radius: int) -> Plane:
    side = 2 * radius + 1
    return np.asarray(cv2.blur(plane, (side, side)))
