"""CIE Lab of 8-bit sRGB by + - * / alone, with the bits of `lab` in `kernels/ciede2000.py`."""

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from gpu_metrics.kernels.compiled.build import part

# unsigned: 2863311531 / 2^33 is a third, exactly enough for 32 bits
_HALF, _THIRD, _THIRD_BITS = (np.uint64(v) for v in (32, 2_863_311_531, 33))
_START = np.uint64(3_071_306_043_645_493_248)


@part
def put_lab(
    pixels: UInt8[np.ndarray, "3 m"],
    count: int,
    linear: Float64[np.ndarray, "256"],
    xyz: Float64[np.ndarray, "3 3"],
    starts: Int64[np.ndarray, " m"],
    out: Float64[np.ndarray, "3 m"],
) -> None:
    """Lab of the first `count` pixels; `starts` is memory to work in."""
    a, b, c = out[0, :count], out[1, :count], out[2, :count]
    for channel, light in enumerate((a, b, c)):
        _put_entries(linear, pixels[channel, :count], light)
    _put_xyz(a, b, c, xyz)
    for values in (a, b, c):
        _put_starts(values.view(np.int64), starts)
        _put_curve(starts.view(np.float64), values)
    for j in range(count):
        fx, fy, fz = a[j], b[j], c[j]
        a[j] = 116 * fy - 16
        b[j] = 500 * (fx - fy)
        c[j] = 200 * (fy - fz)


@part
def _put_entries(
    table: Float64[np.ndarray, "256"],
    indices: UInt8[np.ndarray, " n"],
    out: Float64[np.ndarray, " n"],
) -> None:
    for j in range(len(out)):
        out[j] = table[indices[j]]


@part
def _put_xyz(
    a: Float64[np.ndarray, " n"],
    b: Float64[np.ndarray, " n"],
    c: Float64[np.ndarray, " n"],
    xyz: Float64[np.ndarray, "3 3"],
) -> None:
    """X, Y and Z, relative to white, in the place of linear R, G and B."""
    xr, xg, xb = xyz[0]
    yr, yg, yb = xyz[1]
    zr, zg, zb = xyz[2]
    for j in range(len(a)):
        red, green, blue = a[j], b[j], c[j]
        a[j] = xr * red + xg * green + xb * blue
        b[j] = yr * red + yg * green + yb * blue
        c[j] = zr * red + zg * green + zb * blue


@part
def _put_starts(bits: Int64[np.ndarray, " n"], starts: Int64[np.ndarray, " m"]) -> None:
    """A third of the upper bits of positive numbers and an offset: where the cube root starts."""
    for j in range(len(bits)):
        # processors have no vectors of 64-bit divisions
        third = ((np.uint64(bits[j]) >> _HALF) * _THIRD) >> _THIRD_BITS
        starts[j] = (third << _HALF) + _START


@part
def _put_curve(roots: Float64[np.ndarray, " m"], values: Float64[np.ndarray, " n"]) -> None:
    for j in range(len(values)):
        t = values[j]
        root = _closer(_closer(roots[j], t), t)
        values[j] = root if t > 0.008856 else 7.787 * t + 4 / 29


@part
def _closer(root: float, t: float) -> float:
    """A cubically convergent step towards the cube root of `t`."""
    cube = root * root * root
    return root * ((cube + 2 * t) / (2 * cube + t))
