"""Pictures that a bundle needs and nobody drew: a logo, and images for a sample submission."""

from pathlib import PurePosixPath

import cv2
import numpy as np

from gpu_metrics.errors import InputError

_SIDE = 256


def logo() -> bytes:
    """A PNG of a disc half in the dark and half in the light."""
    rows, columns = np.mgrid[:_SIDE, :_SIDE] - (_SIDE - 1) / 2
    light = columns > 0
    # a pixel of softness keeps the edge from looking jagged
    disc = np.clip(0.36 * _SIDE - np.hypot(rows, columns) + 0.5, 0, 1)
    ground, figure = np.where(light, 236, 44), np.where(light, 44, 236)
    grey = (ground + disc * (figure - ground)).round().astype(np.uint8)
    return _encoded(grey, ".png")


def grey(width: int, height: int, name: str) -> bytes:
    """A plain grey RGB image, in the format that a name ends with."""
    return _encoded(np.full((height, width, 3), 128, np.uint8), PurePosixPath(name).suffix)


def _encoded(image: "np.ndarray", suffix: str) -> bytes:
    encoded, data = cv2.imencode(suffix, image)
    if not encoded:
        raise InputError(f"OpenCV writes no images whose names end with {suffix!r}")
    return data.tobytes()
