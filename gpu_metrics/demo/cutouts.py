"""People lifted off their photographs: a soft matte, and colors that are clean up to its edge."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from gpu_metrics.demo.photographs import Image

Matte = Float32[np.ndarray, "H W"]

# traced by hand to about three pixels, x,y in the photograph; the graph cut finds the true edge
OUTLINES = {
    "astronaut": (
        "31,511 27,480 23,450 19,410 25,370 31,330 39,285 45,270 60,250 75,234 100,217 114,206 "
        "114,187 120,172 132,160 150,151 170,148 183,148 182,131 175,131 171,120 162,107 156,97 "
        "153,82 155,70 162,56 175,46 187,36 200,25 220,17 245,16 265,25 280,37 292,52 300,72 "
        "301,90 295,107 285,122 274,136 269,137 264,152 256,172 270,184 287,202 300,220 306,240 "
        "325,245 340,260 346,280 353,300 359,325 363,346 380,344 400,343 425,347 450,360 470,380 "
        "485,405 492,430 495,452 502,463 504,485 496,497 488,511"
    ),
    "camera": (
        "0,260 15,235 35,205 55,170 80,142 110,127 131,124 134,117 150,106 162,105 165,95 172,80 "
        "187,70 205,64 230,69 250,84 265,102 270,117 267,131 257,131 254,142 252,150 255,165 "
        "247,172 245,180 242,187 235,192 242,195 240,205 243,215 235,225 245,230 262,230 262,215 "
        "272,207 295,200 305,185 320,182 317,172 325,167 331,177 331,195 322,205 320,220 305,235 "
        "302,247 300,255 304,272 290,282 280,295 250,312 230,305 207,295 185,325 165,355 142,382 "
        "149,425 151,511 0,511"
    ),
}
BAND = 6
ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Cutout:
    """A person of a photograph: `matte` is 1 inside; `image` has no backdrop left near its edge."""

    image: Image
    matte: Matte


def cut_out(photograph: Image, outline: str) -> Cutout:
    """The person inside a roughly traced `outline`, as points "x,y x,y ..." of the photograph."""
    inside = person_mask(photograph, outline)
    matte = feather(inside)
    core = cv2.erode(inside, disc(2), borderType=cv2.BORDER_REPLICATE)
    return Cutout(spread(photograph, core), matte)


def person_mask(photograph: Image, outline: str) -> UInt8[np.ndarray, "H W"]:
    """1 where a graph cut, free only in a band around the outline, sees the person."""
    points = np.array([point.split(",") for point in outline.split()], dtype=np.int32)
    traced = np.zeros(photograph.shape[:2], np.uint8)
    cv2.fillPoly(traced, [points], 1)
    sure = cv2.erode(traced, disc(BAND), borderType=cv2.BORDER_REPLICATE)
    possible = cv2.dilate(traced, disc(BAND))

    labels = np.where(traced > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[sure > 0] = cv2.GC_FGD
    labels[possible == 0] = cv2.GC_BGD
    # the color models start from k-means, which draws from OpenCV's generator of this thread
    cv2.setRNGSeed(0)
    back, front = np.zeros((1, 65)), np.zeros((1, 65))
    box = (0, 0, 0, 0)
    cv2.grabCut(photograph, labels, box, back, front, ROUNDS, cv2.GC_INIT_WITH_MASK)
    person = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    return np.asarray(cv2.medianBlur(person, 5))


def feather(inside: UInt8[np.ndarray, "H W"]) -> Matte:
    """A soft matte whose edge lies a little inside the hard one, where no backdrop shows."""
    soft = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 1.0, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip((soft - 0.3) / 0.65, 0, 1), np.float32)


def spread(photograph: Image, core: UInt8[np.ndarray, "H W"]) -> Image:
    """The photograph with the colors of `core` carried outwards over everything else."""
    weight = core.astype(np.float32)
    colors = photograph.astype(np.float32) * weight[..., None]
    result = colors.copy()
    covered = weight > 0
    for sigma in (1.5, 4.0, 16.0):
        near = cv2.GaussianBlur(weight, (0, 0), sigma)
        carried = cv2.GaussianBlur(colors, (0, 0), sigma) / np.maximum(near, 1e-6)[..., None]
        reached = ~covered & (near > 0.02)
        result[reached] = carried[reached]
        covered |= reached
    return np.asarray(np.clip(np.rint(result), 0, 255), np.uint8)


def disc(radius: int) -> UInt8[np.ndarray, "H W"]:
    """A round structuring element."""
    side = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
