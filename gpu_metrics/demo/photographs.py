"""Photographs that scikit-image's wheel ships, read from disk so that nothing is downloaded."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.resources.abc import Traversable

import cv2
import numpy as np
from jaxtyping import UInt8

from gpu_metrics.errors import EngineError

Image = UInt8[np.ndarray, "H W 3"]


@dataclass(frozen=True, slots=True)
class Photograph:
    """A file of scikit-image's data folder, and who to thank for it."""

    file: str
    credit: str


PHOTOGRAPHS = {
    "astronaut": Photograph("astronaut.png", "Eileen Collins, by NASA; public domain"),
    "brick": Photograph("brick.png", "CC0Textures; CC0"),
    "camera": Photograph("camera.png", "Lav Varshney; CC0"),
    "coffee": Photograph("coffee.png", "Rachel Michetti, Pikolo Espresso Bar; CC0"),
    "grass": Photograph("grass.png", "linolafett, DeviantArt; CC0"),
    "hubble": Photograph("hubble_deep_field.jpg", "NASA, HubbleSite; public domain"),
    "motorcycle": Photograph(
        "motorcycle_left.png", "Scharstein et al., Middlebury stereo benchmark 2014"
    ),
    "rocket": Photograph("rocket.jpg", "SpaceX; public domain"),
}


ABSENT = (
    "the demo set is made of scikit-image's photographs and scikit-image is not installed; "
    "pip install 'gpu-metrics[demo]'"
)
REINSTALL = "pip install --force-reinstall 'scikit-image>=0.24'"


def library_version() -> str:
    """The version of the scikit-image whose photographs are used."""
    try:
        return version("scikit-image")
    except PackageNotFoundError as error:
        raise EngineError(ABSENT) from error


def load_photographs() -> dict[str, Image]:
    """Every photograph by its name in `PHOTOGRAPHS`, 8 bit, channels in OpenCV's order."""
    try:
        folder = files("skimage") / "data"
    except ModuleNotFoundError as error:
        raise EngineError(ABSENT) from error
    return {name: _load(folder / photograph.file) for name, photograph in PHOTOGRAPHS.items()}


def _load(source: Traversable) -> Image:
    if not source.is_file():
        raise EngineError(f"{source} is missing from the scikit-image installed; {REINSTALL}")
    encoded = np.frombuffer(source.read_bytes(), np.uint8)
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    if image is None:
        raise EngineError(f"{source} is not an image that OpenCV can read; {REINSTALL}")
    return np.asarray(image, np.uint8)
