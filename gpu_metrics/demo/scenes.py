"""Well-lit 1K portraits with their person mattes, composed from photographs by a seeded draw."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Shaped, UInt8
from numpy.random import Generator
from numpy.typing import NDArray

from gpu_metrics.demo.cutouts import OUTLINES, Cutout, Matte, cut_out
from gpu_metrics.demo.filters import wide_blur
from gpu_metrics.demo.light import Light, to_light, to_srgb
from gpu_metrics.demo.photographs import Image, load_photographs

Shape = tuple[int, int]

# height, width
SHAPES = ((1024, 1024), (1024, 1365), (1365, 1024), (910, 1365))


@dataclass(frozen=True, slots=True)
class Plain:
    """A person's own photograph; `head` is top, left, bottom, right of what no crop may cut."""

    person: str
    head: tuple[int, int, int, int]
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Staged:
    """The astronaut before another photograph.

    `tint` multiplies the backdrop's light (blue, green, red), `blur` is its depth of field as a
    share of the image's height, `turns` are quarter turns that set it upright.
    """

    backdrop: str
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    blur: float = 0.003
    turns: int = 0


SETTINGS: tuple[Plain | Staged, ...] = (
    Plain("astronaut", head=(10, 145, 195, 310)),
    Staged("rocket", tint=(1.7, 1.7, 1.7)),
    Staged("brick", tint=(0.6, 0.85, 1.4), blur=0.002, turns=1),
    Plain("camera", head=(55, 150, 205, 340), tint=(0.86, 0.97, 1.1)),
    Staged("motorcycle"),
    Staged("hubble", tint=(1.3, 1.3, 1.3), blur=0.001),
    Staged("grass", tint=(0.35, 1.0, 0.5), blur=0.004),
    Staged("coffee", blur=0.03),
)


@dataclass(frozen=True, slots=True)
class Studio:
    """All that scenes are made of: photographs, and the people cut out of them."""

    photographs: dict[str, Image]
    people: dict[str, Cutout]


@dataclass(frozen=True, slots=True)
class Scene:
    """A ground truth and its matte: 8 bit, soft at the edge, person where it is 128 or more."""

    truth: Image
    matte: UInt8[np.ndarray, "H W"]


def open_studio() -> Studio:
    """Load the photographs and cut the people out of theirs; takes about a second."""
    photographs = load_photographs()
    people = {name: cut_out(photographs[name], outline) for name, outline in OUTLINES.items()}
    return Studio(photographs, people)


def compose(studio: Studio, group: int, generator: Generator) -> Scene:
    """The scene of a group, counted from 1: settings and shapes take turns, the rest is drawn."""
    turn, place = divmod(group - 1, len(SETTINGS))
    setting = SETTINGS[place]
    shape = SHAPES[(place + turn) % len(SHAPES)]
    if isinstance(setting, Plain):
        light, matte = _plain(studio, setting, shape, generator)
    else:
        light, matte = _staged(studio, setting, shape, generator)
    if generator.integers(2):
        light, matte = light[:, ::-1], matte[:, ::-1]
    return Scene(
        _sharpened(to_srgb(np.ascontiguousarray(light))),
        np.rint(255 * np.ascontiguousarray(matte)).astype(np.uint8),
    )


def _plain(
    studio: Studio, setting: Plain, shape: Shape, generator: Generator
) -> tuple[Light, Matte]:
    photograph = studio.photographs[setting.person]
    window = _window(photograph, shape, generator, keep=setting.head)
    light = to_light(_warped(photograph, window, shape)) * np.array(setting.tint, np.float32)
    return light, _warped(studio.people[setting.person].matte, window, shape)


def _staged(
    studio: Studio, setting: Staged, shape: Shape, generator: Generator
) -> tuple[Light, Matte]:
    photograph = np.rot90(studio.photographs[setting.backdrop], setting.turns)
    if generator.integers(2):
        photograph = photograph[:, ::-1]
    photograph = np.ascontiguousarray(photograph)
    view = _warped(photograph, _window(photograph, shape, generator), shape)
    room = cv2.GaussianBlur(to_light(view), (0, 0), setting.blur * shape[0])
    room = room * np.array(setting.tint, np.float32)

    person = studio.people["astronaut"]
    stand = _stand(person, shape, generator)
    matte = _warped(person.matte, stand, shape)
    figure = to_light(_warped(person.image, stand, shape)) * np.float32(generator.uniform(0.9, 1.1))
    # some light of the room reaches around the figure, which seats it there
    edge = np.float32(0.35) * (1 - wide_blur(matte, 0.008 * shape[0]))
    figure = figure + edge[..., None] * wide_blur(room, 0.02 * shape[0])
    return room + matte[..., None] * (figure - room), matte


def _window(
    photograph: Image,
    shape: Shape,
    generator: Generator,
    keep: tuple[int, int, int, int] | None = None,
) -> NDArray[np.float64]:
    """The affine map from image to photograph of a drawn crop that holds all of `keep`."""
    rows, columns = photograph.shape[:2]
    scale = generator.uniform(0.85, 1.0) * min(rows / shape[0], columns / shape[1])
    height, width = scale * shape[0], scale * shape[1]
    top, left, bottom, right = keep or (rows, columns, 0, 0)
    down = generator.uniform(max(0, bottom - height), min(rows - height, top))
    along = generator.uniform(max(0, right - width), min(columns - width, left))
    return np.array([[scale, 0, along], [0, scale, down]])


def _stand(person: Cutout, shape: Shape, generator: Generator) -> NDArray[np.float64]:
    """The affine map from image to cut-out of a figure that rises from the lower image edge."""
    height, width = shape
    rows, columns = person.matte.shape
    scale = rows / (generator.uniform(0.8, 1.0) * min(height, 1.15 * width))
    middle = generator.choice([0.36, 0.5, 0.64]) * width
    return np.array([[scale, 0, columns / 2 - scale * middle], [0, scale, rows - scale * height]])


def _warped(
    source: Shaped[np.ndarray, "H W *channels"], view: NDArray[np.float64], shape: Shape
) -> Shaped[np.ndarray, "h w *channels"]:
    interpolation = cv2.INTER_CUBIC if source.dtype == np.uint8 else cv2.INTER_LINEAR
    flags = interpolation | cv2.WARP_INVERSE_MAP
    size = (shape[1], shape[0])
    return np.asarray(
        cv2.warpAffine(source, view, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    )


def _sharpened(image: Image) -> Image:
    """An unsharp mask against the softness of enlarging."""
    soft = cv2.GaussianBlur(image, (0, 0), 1.5)
    return np.asarray(cv2.addWeighted(image, 1.6, soft, -0.6, 0), np.uint8)
