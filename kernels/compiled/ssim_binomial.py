"""SSIM of luma over a 5x5 binomial window, on the CPU."""

import numpy as np
from jaxtyping import Float64, Int32, Int64, Num, UInt8

from gpu_metrics.kernels.compiled.build import part
from gpu_metrics.kernels.compiled.rows import (
    IMAGE,
    TILE,
    add_count,
    add_values,
    any_inside,
    put_luma,
    to_steps,
)

# typed, for sums of 32-bit integers to stay there
_FOUR, _SIX = np.int32(4), np.int32(6)

SIGNATURE = (
    f"void({IMAGE}, {IMAGE}, uint8[:,:,:], int64, int64, int64[:,::1], float64, float64, float64)"
)


def ssim_binomial(
    x: UInt8[np.ndarray, " bytes"],
    x_strides: tuple[int, int, int],
    y: UInt8[np.ndarray, " bytes"],
    y_strides: tuple[int, int, int],
    mask: UInt8[np.ndarray, "R H W"],
    first: int,
    last: int,
    sums: Int64[np.ndarray, "R 2"],
    c1: float,
    c2: float,
    steps_per_unit: float,
) -> None:
    """Add to `sums` the pixels of rows `first` to `last`, the last exclusive, and their SSIM."""
    height, width = mask.shape[1:]
    pixels = np.empty((3, TILE + 4), np.uint8)
    # two more columns on either side, zero beyond the edge
    u, v = np.empty(TILE + 4, np.int32), np.empty(TILE + 4, np.int32)
    squares, products = np.empty(TILE + 4), np.empty(TILE + 4)
    # horizontal sums of the last five rows
    sx, sy = np.empty((5, TILE), np.int32), np.empty((5, TILE), np.int32)
    sxx_syy, sxy = np.empty((5, TILE)), np.empty((5, TILE))
    values = np.empty(TILE)
    for left in range(0, width, TILE):
        count = min(TILE, width - left)
        begin, end = max(left - 2, 0), min(left + count + 2, width)
        u[:], v[:] = 0, 0
        for row in range(first - 2, last + 2):
            if 0 <= row < height:
                put_luma(x, x_strides, row, begin, pixels, u[begin - left + 2 : end - left + 2])
                put_luma(y, y_strides, row, begin, pixels, v[begin - left + 2 : end - left + 2])
            else:
                u[:], v[:] = 0, 0
            _put_products(u, v, squares, products)
            here = row % 5
            _put_weighted(u, sx[here, :count])
            _put_weighted(v, sy[here, :count])
            _put_weighted(squares, sxx_syy[here, :count])
            _put_weighted(products, sxy[here, :count])
            if row >= first + 2 and any_inside(mask, row - 2, left, count):
                _put_ssim(sx, sy, sxx_syy, sxy, row, c1, c2, values[:count])
                add_count(mask, row - 2, left, count, sums)
                steps = to_steps(values[:count], steps_per_unit)
                add_values(steps, mask, row - 2, left, sums, 1)


@part
def _put_products(
    u: Int32[np.ndarray, " n"],
    v: Int32[np.ndarray, " n"],
    squares: Float64[np.ndarray, " n"],
    products: Float64[np.ndarray, " n"],
) -> None:
    for j in range(len(u)):
        a, b = np.float64(u[j]), np.float64(v[j])
        squares[j] = a * a + b * b
        products[j] = a * b


@part
def _put_weighted(moment: Num[np.ndarray, " n+4"], out: Num[np.ndarray, " n"]) -> None:
    for j in range(len(out)):
        out[j] = _weighted(moment[j], moment[j + 1], moment[j + 2], moment[j + 3], moment[j + 4])


@part
def _weighted(a: float, b: float, c: float, d: float, e: float) -> float:
    return (a + e) + _FOUR * (b + d) + _SIX * c


@part
def _put_ssim(
    sx: Int32[np.ndarray, "5 m"],
    sy: Int32[np.ndarray, "5 m"],
    sxx_syy: Float64[np.ndarray, "5 m"],
    sxy: Float64[np.ndarray, "5 m"],
    row: int,
    c1: float,
    c2: float,
    values: Float64[np.ndarray, " n"],
) -> None:
    """SSIM about the row two above `row`, all of whose sums are integers below 2^53."""
    a, b, c, d, e = (row - 4) % 5, (row - 3) % 5, (row - 2) % 5, (row - 1) % 5, row % 5
    for j in range(len(values)):
        mx = np.float64(_weighted(sx[a, j], sx[b, j], sx[c, j], sx[d, j], sx[e, j]))
        my = np.float64(_weighted(sy[a, j], sy[b, j], sy[c, j], sy[d, j], sy[e, j]))
        squares = _weighted(
            sxx_syy[a, j], sxx_syy[b, j], sxx_syy[c, j], sxx_syy[d, j], sxx_syy[e, j]
        )
        product = _weighted(sxy[a, j], sxy[b, j], sxy[c, j], sxy[d, j], sxy[e, j])

        means, mean_product = mx * mx + my * my, mx * my
        luminance = 2 * mean_product + c1
        structure = 2 * (256 * product - mean_product) + c2
        brightness = means + c1
        contrast = 256 * squares - means + c2
        values[j] = (luminance * structure) / (brightness * contrast)
