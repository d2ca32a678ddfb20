"""Pixels, squared errors and 8-bit Lab distance of each region, on the CPU."""

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
    to_steps,
)

# of `lab8` in gpu_metrics.color; typed, for the arithmetic to stay in 32 bits
_XYZ = np.array([[1777, 1541, 778], [871, 2929, 296], [73, 448, 3575]], np.int32)
_XYZ_BITS, _LAB_BITS, _ONE = np.int32(12), np.int32(15), np.int32(1)
_LIGHTNESS, _DARK = np.int32(296), np.int32(1_336_934)
_RED_GREEN, _BLUE_YELLOW, _MIDDLE = np.int32(500), np.int32(200), np.int32(128)
_LEAST, _MOST = np.int32(0), np.int32(255)

SIGNATURE = (
    f"void({IMAGE}, {IMAGE}, uint8[:,:,:], int64, int64, int64[:,::1],"
    " boolean, int32[::1], int32[::1], float64)"
)


def region_errors(
    x: UInt8[np.ndarray, " bytes"],
    x_strides: tuple[int, int, int],
    y: UInt8[np.ndarray, " bytes"],
    y_strides: tuple[int, int, int],
    mask: UInt8[np.ndarray, "R H W"],
    first: int,
    last: int,
    sums: Int64[np.ndarray, "R 5"],
    lab: bool,
    linear: Int32[np.ndarray, "256"],
    roots: Int32[np.ndarray, "3072"],
    steps_per_unit: float,
) -> None:
    """Add to `sums` the errors of rows `first` to `last`, the last exclusive."""
    width = mask.shape[2]
    x_bytes, y_bytes = np.empty((3, TILE), np.uint8), np.empty((3, TILE), np.uint8)
    squared = np.empty(TILE, np.int32)
    u, v = np.empty((3, TILE), np.int32), np.empty((3, TILE), np.int32)
    values = np.empty(TILE)
    for row in range(first, last):
        for left in range(0, width, TILE):
            count = min(TILE, width - left)
            if not any_inside(mask, row, left, count):
                continue
            add_count(mask, row, left, count, sums)
            for channel in range(3):
                one, other = x_bytes[channel, :count], y_bytes[channel, :count]
                put_channel(x, x_strides, channel, row, left, one)
                put_channel(y, y_strides, channel, row, left, other)
                _put_squares(one, other, squared[:count])
                add_values(squared[:count], mask, row, left, sums, 1 + channel)
            if lab:
                _put_lab(x_bytes, count, linear, roots, u)
                _put_lab(y_bytes, count, linear, roots, v)
                _put_distance(u, v, values[:count])
                add_values(to_steps(values[:count], steps_per_unit), mask, row, left, sums, 4)


@part
def _put_squares(
    x: UInt8[np.ndarray, " n"], y: UInt8[np.ndarray, " n"], out: Int32[np.ndarray, " n"]
) -> None:
    for j in range(len(out)):
        difference = np.int32(x[j]) - np.int32(y[j])
        out[j] = difference * difference


@part
def _put_lab(
    pixels: UInt8[np.ndarray, "3 m"],
    count: int,
    linear: Int32[np.ndarray, "256"],
    roots: Int32[np.ndarray, "3072"],
    out: Int32[np.ndarray, "3 m"],
) -> None:
    """8-bit Lab. Tables are read in loops of their own, for those between to be vectors."""
    a, b, c = out[0, :count], out[1, :count], out[2, :count]
    for channel, entries in enumerate((a, b, c)):
        _put_entries(linear, pixels[channel, :count], entries)
    for j in range(len(a)):
        red, green, blue = a[j], b[j], c[j]
        a[j] = _descaled(_XYZ[0, 0] * red + _XYZ[0, 1] * green + _XYZ[0, 2] * blue, _XYZ_BITS)
        b[j] = _descaled(_XYZ[1, 0] * red + _XYZ[1, 1] * green + _XYZ[1, 2] * blue, _XYZ_BITS)
        c[j] = _descaled(_XYZ[2, 0] * red + _XYZ[2, 1] * green + _XYZ[2, 2] * blue, _XYZ_BITS)
    for entries in (a, b, c):
        _put_entries(roots, entries, entries)
    for j in range(len(a)):
        fx, fy, fz = a[j], b[j], c[j]
        a[j] = _byte(_descaled(_LIGHTNESS * fy - _DARK, _LAB_BITS))
        b[j] = _byte(_descaled(_RED_GREEN * (fx - fy), _LAB_BITS) + _MIDDLE)
        c[j] = _byte(_descaled(_BLUE_YELLOW * (fy - fz), _LAB_BITS) + _MIDDLE)


@part
def _put_entries(
    table: Int32[np.ndarray, " t"], indices: Int32[np.ndarray, " n"], out: Int32[np.ndarray, " n"]
) -> None:
    for j in range(len(out)):
        # unsigned, for nothing to be counted from the end
        out[j] = table[np.uint32(indices[j])]


@part
def _descaled(value: np.int32, bits: np.int32) -> np.int32:
    return (value + (_ONE << (bits - _ONE))) >> bits


@part
def _byte(value: np.int32) -> np.int32:
    return min(max(value, _LEAST), _MOST)


@part
def _put_distance(
    u: Int32[np.ndarray, "3 m"], v: Int32[np.ndarray, "3 m"], values: Float64[np.ndarray, " n"]
) -> None:
    for j in range(len(values)):
        dl, da, db = u[0, j] - v[0, j], u[1, j] - v[1, j], u[2, j] - v[2, j]
        values[j] = np.sqrt(np.float64(dl * dl + da * da + db * db))
