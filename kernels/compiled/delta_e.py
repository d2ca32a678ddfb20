"""CIE76 and CIEDE2000 color differences of each region, on the CPU."""

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from gpu_metrics.kernels.compiled.build import part
from gpu_metrics.kernels.compiled.cie_lab import put_lab
from gpu_metrics.kernels.compiled.ciede2000 import put_ciede2000
from gpu_metrics.kernels.compiled.rows import (
    IMAGE,
    TILE,
    add_count,
    add_values,
    any_inside,
    put_channel,
    to_steps,
)

SIGNATURE = (
    f"void({IMAGE}, {IMAGE}, uint8[:,:,:], int64, int64, int64[:,::1],"
    " boolean, float64[::1], float64[:,::1], float64)"
)


def delta_e(
    x: UInt8[np.ndarray, " bytes"],
    x_strides: tuple[int, int, int],
    y: UInt8[np.ndarray, " bytes"],
    y_strides: tuple[int, int, int],
    mask: UInt8[np.ndarray, "R H W"],
    first: int,
    last: int,
    sums: Int64[np.ndarray, "R 2"],
    perceptual: bool,
    linear: Float64[np.ndarray, "256"],
    xyz: Float64[np.ndarray, "3 3"],
    steps_per_unit: float,
) -> None:
    """Add to `sums` the differences of rows `first` to `last`, the last exclusive.

    They are CIEDE2000 where `perceptual`, CIE76 elsewhere.
    """
    width = mask.shape[2]
    pixels = np.empty((3, TILE), np.uint8)
    starts = np.empty(TILE, np.int64)
    u, v = np.empty((3, TILE)), np.empty((3, TILE))
    values = np.empty(TILE)
    for row in range(first, last):
        for left in range(0, width, TILE):
            count = min(TILE, width - left)
            if not any_inside(mask, row, left, count):
                continue
            for image, strides, lab in ((x, x_strides, u), (y, y_strides, v)):
                for channel in range(3):
                    put_channel(image, strides, channel, row, left, pixels[channel, :count])
                put_lab(pixels, count, linear, xyz, starts, lab)
            if perceptual:
                put_ciede2000(u, v, values[:count])
            else:
                _put_cie76(u, v, values[:count])
            add_count(mask, row, left, count, sums)
            add_values(to_steps(values[:count], steps_per_unit), mask, row, left, sums, 1)


@part
def _put_cie76(
    x: Float64[np.ndarray, "3 m"], y: Float64[np.ndarray, "3 m"], out: Float64[np.ndarray, " n"]
) -> None:
    for j in range(len(out)):
        dl, da, db = x[0, j] - y[0, j], x[1, j] - y[1, j], x[2, j] - y[2, j]
        out[j] = np.sqrt(dl * dl + da * da + db * db)
