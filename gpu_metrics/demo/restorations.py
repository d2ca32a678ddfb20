"""Classical ways to brighten a low-light photograph: the competing teams of the demo set."""

from collections.abc import Callable

import cv2
import numpy as np

from gpu_metrics.demo.filters import Plane, guided
from gpu_metrics.demo.light import Light, to_light, to_srgb
from gpu_metrics.demo.photographs import Image

# blue, green, red
LUMINANCE = np.array([0.0722, 0.7152, 0.2126], np.float32)


def untouched(image: Image) -> Image:
    """The low-light input itself, as a floor for the leaderboard."""
    return image


def gamma(image: Image) -> Image:
    """One power law that lifts the mean to a middle grey; casts and noise are lifted with it."""
    levels = np.arange(256) / 255
    power = np.log(0.42) / np.log(np.clip(image.mean() / 255, 0.01, 0.9))
    table: Image = np.rint(255 * levels**power).astype(np.uint8)
    return np.asarray(table[image])


def clahe(image: Image) -> Image:
    """Contrast-limited adaptive histogram equalisation of the lightness."""
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB)
    lab[..., 0] = cv2.createCLAHE(6.0, (8, 8)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR), np.uint8)


def retinex(image: Image) -> Image:
    """Half of the illumination, in stops, divided out; it lifts dark corners and their noise."""
    light = to_light(image)
    stops = np.log2(light.max(axis=-1) + np.float32(1e-3))
    illumination = guided(stops, stops, radius=image.shape[0] // 32, variance=1.0)
    return to_srgb(exposed(light * np.exp2(-illumination / 2)[..., None]))


def gain(image: Image) -> Image:
    """Exposure and white balance in linear light, noise and all."""
    return to_srgb(exposed(to_light(image)))


def gain_denoise(image: Image) -> Image:
    """Exposure and white balance in linear light, after denoising."""
    return to_srgb(exposed(denoised(to_light(image))))


TEAMS: dict[str, Callable[[Image], Image]] = {
    "untouched": untouched,
    "gamma": gamma,
    "clahe": clahe,
    "retinex": retinex,
    "gain": gain,
    "gain-denoise": gain_denoise,
}


def exposed(light: Light) -> Light:
    """Light scaled so that highlights are bright, and partly towards neutral ones.

    Neutral follows shades of grey (Finlayson and Trezzi, CIC 2004) with the norm 4; only 0.6 of
    the correction is applied, for a large colored object is easily taken for a colored light.
    """
    height, width = light.shape[:2]
    size = (max(width // 8, 1), max(height // 8, 1))
    small = np.asarray(cv2.resize(light, size, interpolation=cv2.INTER_AREA), np.float64)
    shade = np.maximum((small**4).mean(axis=(0, 1)) ** 0.25, 1e-6)
    balance = (shade.mean() / shade) ** 0.6
    highlight = max(float(np.percentile((small * balance) @ LUMINANCE, 95)), 1e-6)
    return np.asarray(light * (balance * (0.6 / highlight)).astype(np.float32))


def denoised(light: Light) -> Light:
    """Guided filtering of luma, then of chroma by that luma, where shot noise is even.

    The square root makes the variance of shot noise the same at every brightness
    (Anscombe, Biometrika 1948).
    """
    luma, red, blue = cv2.split(cv2.cvtColor(np.sqrt(light), cv2.COLOR_BGR2YCrCb))
    noise = noise_level(luma)
    for radius, strength in ((2, 2.0), (4, 1.0)):
        luma = guided(luma, luma, radius=radius, variance=(strength * noise) ** 2)
    red = guided(red, luma, radius=8, variance=(2 * noise) ** 2)
    blue = guided(blue, luma, radius=8, variance=(2 * noise) ** 2)
    roots = cv2.cvtColor(cv2.merge([luma, red, blue]), cv2.COLOR_YCrCb2BGR)
    return np.asarray(np.square(np.maximum(roots, 0)))


def noise_level(plane: Plane) -> float:
    """Standard deviation of white noise, from a mask blind to planes and edges.

    Reference:
        Immerkaer, "Fast noise variance estimation", CVIU 1996; with a median, as edges remain.
    """
    blind = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = np.abs(cv2.filter2D(plane, -1, blind))
    # the mask's weights have the norm 6; a normal deviate has the median magnitude 0.6745
    return max(float(np.median(response)) / (6 * 0.6745), 1e-4)
