"""SSIM over an 11x11 Gaussian window, on the CPU."""

import numpy as np
from jaxtyping import Float64, Int32, Int64, UInt8

from gpu_metrics.kernels.compiled.build import part
from gpu_metrics.kernels.compiled.rows import (
    IMAGE,
    TILE,
    add_count,
    add_values,
    any_inside,
    put_channel,
    put_luma,
    to_steps,
)

_RADIUS = 5
_WINDOW = 2 * _RADIUS + 1

SIGNATURE = (
    f"void({IMAGE}, {IMAGE}, uint8[:,:,:], int64, int64, int64[:,::1],"
    " float64[::1], float64, float64, float64, float64)"
)


def ssim_gaussian(
    x: UInt8[np.ndarray, " bytes"],
    x_strides: tuple[int, int, int],
    y: UInt8[np.ndarray, " bytes"],
    y_strides: tuple[int, int, int],
    mask: UInt8[np.ndarray, "R H W"],
    first: int,
    last: int,
    sums: Int64[np.ndarray, "R 1+c"],
    taps: Float64[np.ndarray, "6"],
    middle: float,
    c1: float,
    c2: float,
    steps_per_unit: float,
) -> None:
    """Add to `sums` the pixels and each channel's SSIM of rows of windows that begin at `first`.

    Those that begin at `last` are left out. Sums for one channel stand for luma.
    """
    channels = sums.shape[1] - 1
    width = mask.shape[2]
    pixels = np.empty((3, TILE + 2 * _RADIUS), np.uint8)
    luma = np.empty(TILE + 2 * _RADIUS, np.int32)
    # x, y, xx + yy and xy of a row, their horizontal means in the last eleven, and their means
    moments = np.zeros((4, TILE + 2 * _RADIUS))
    rings = np.empty((4, _WINDOW, TILE))
    means = np.empty((4, TILE))
    values = np.empty(TILE)
    for left in range(0, width - 2 * _RADIUS, TILE):
        count = min(TILE, width - 2 * _RADIUS - left)
        wide = count + 2 * _RADIUS
        for channel in range(channels):
            for row in range(first, last + 2 * _RADIUS):
                for i, (image, strides) in enumerate(((x, x_strides), (y, y_strides))):
                    if channels == 1:
                        put_luma(image, strides, row, left, pixels, luma[:wide])
                        _put_centered(luma[:wide], middle, moments[i])
                    else:
                        put_channel(image, strides, channel, row, left, pixels[0, :wide])
                        _put_centered(pixels[0, :wide], middle, moments[i])
                _put_products(moments)
                for i in range(4):
                    _put_row_mean(moments[i], taps, rings[i, row % _WINDOW, :count])
                center = row - _RADIUS
                if center - _RADIUS < first:
                    continue
                if not any_inside(mask, center, left + _RADIUS, count):
                    continue
                for i in range(4):
                    _put_column_mean(rings[i], row, taps, means[i, :count])
                _put_ssim(means, middle, c1, c2, values[:count])
                if channel == 0:
                    add_count(mask, center, left + _RADIUS, count, sums)
                steps = to_steps(values[:count], steps_per_unit)
                add_values(steps, mask, center, left + _RADIUS, sums, 1 + channel)


@part
def _put_centered(
    values: UInt8[np.ndarray, " n"] | Int32[np.ndarray, " n"],
    middle: float,
    out: Float64[np.ndarray, " m"],
) -> None:
    for j in range(len(values)):
        out[j] = np.float64(values[j]) - middle


@part
def _put_products(moments: Float64[np.ndarray, "4 m"]) -> None:
    for j in range(moments.shape[1]):
        a, b = moments[0, j], moments[1, j]
        moments[2, j] = a * a + b * b
        moments[3, j] = a * b


@part
def _put_row_mean(
    moment: Float64[np.ndarray, " m+10"],
    taps: Float64[np.ndarray, "6"],
    out: Float64[np.ndarray, " n"],
) -> None:
    """The center first, then pair by pair outwards, as in `window_mean`."""
    w0, w1, w2, w3, w4, w5 = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    for j in range(len(out)):
        total = w0 * moment[j + 5]
        total = total + w1 * (moment[j + 4] + moment[j + 6])
        total = total + w2 * (moment[j + 3] + moment[j + 7])
        total = total + w3 * (moment[j + 2] + moment[j + 8])
        total = total + w4 * (moment[j + 1] + moment[j + 9])
        out[j] = total + w5 * (moment[j] + moment[j + 10])


@part
def _put_column_mean(
    ring: Float64[np.ndarray, "11 m"],
    row: int,
    taps: Float64[np.ndarray, "6"],
    out: Float64[np.ndarray, " n"],
) -> None:
    """Of the eleven rows up to `row`, in the same order."""
    w0, w1, w2, w3, w4, w5 = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    a, b, c, d = (
        ring[(row + 1) % 11],
        ring[(row + 2) % 11],
        ring[(row + 3) % 11],
        ring[(row + 4) % 11],
    )
    e, center, g = ring[(row + 5) % 11], ring[(row + 6) % 11], ring[(row + 7) % 11]
    h, i, k, m = ring[(row + 8) % 11], ring[(row + 9) % 11], ring[(row + 10) % 11], ring[row % 11]
    for j in range(len(out)):
        total = w0 * center[j]
        total = total + w1 * (e[j] + g[j])
        total = total + w2 * (d[j] + h[j])
        total = total + w3 * (c[j] + i[j])
        total = total + w4 * (b[j] + k[j])
        out[j] = total + w5 * (a[j] + m[j])


@part
def _put_ssim(
    means: Float64[np.ndarray, "4 m"],
    middle: float,
    c1: float,
    c2: float,
    values: Float64[np.ndarray, " n"],
) -> None:
    for j in range(len(values)):
        mx, my, squares, product = means[0, j], means[1, j], means[2, j], means[3, j]
        variances = squares - (mx * mx + my * my)
        covariance = product - mx * my
        mx, my = mx + middle, my + middle
        luminance = 2 * (mx * my) + c1
        structure = 2 * covariance + c2
        brightness = (mx * mx + my * my) + c1
        contrast = variances + c2
        values[j] = (luminance * structure) / (brightness * contrast)
