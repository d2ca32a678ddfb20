"""What compiled kernels share: tiles of rows, their luma, and sums over regions."""

import numpy as np
from jaxtyping import Float64, Int, Int32, Int64, UInt8

from gpu_metrics.kernels.compiled.build import part

# bytes from the first on, and how far apart channels, rows and pixels are
IMAGE = "uint8[::1], UniTuple(int64, 3)"

# columns worked on at once: the rows that a window needs stay in the first-level cache
TILE = 256

# added to a value below 2^51 it leaves the value, rounded half to even, in the lowest bits
_ROUNDING = 1.5 * 2.0**52
_ROUNDING_BITS = int(np.float64(_ROUNDING).view(np.int64))

_RED, _GREEN, _BLUE = np.int32(299), np.int32(587), np.int32(114)


@part
def put_channel(
    image: UInt8[np.ndarray, " bytes"],
    strides: tuple[int, int, int],
    channel: int,
    row: int,
    left: int,
    out: UInt8[np.ndarray, " n"],
) -> None:
    """Bytes of a channel of `row` from column `left` on, planar or every third one."""
    between_channels, between_rows, between_pixels = strides
    start = channel * between_channels + row * between_rows + left * between_pixels
    count = len(out)
    if between_pixels == 3:
        # a stride that the compiler knows
        every_third = image[start : start + 3 * count - 2]
        for j in range(count):
            out[j] = every_third[3 * j]
    else:
        values = image[start : start + count]
        for j in range(count):
            out[j] = values[j]


@part
def put_luma(
    image: UInt8[np.ndarray, " bytes"],
    strides: tuple[int, int, int],
    row: int,
    left: int,
    pixels: UInt8[np.ndarray, "3 m"],
    out: Int32[np.ndarray, " n"],
) -> None:
    """Luma in thousandths of `row` from column `left` on; `pixels` is memory to work in."""
    r, g, b = pixels[0, : len(out)], pixels[1, : len(out)], pixels[2, : len(out)]
    for channel, values in enumerate((r, g, b)):
        put_channel(image, strides, channel, row, left, values)
    for j in range(len(out)):
        out[j] = _RED * np.int32(r[j]) + _GREEN * np.int32(g[j]) + _BLUE * np.int32(b[j])


@part
def to_steps(values: Float64[np.ndarray, " n"], steps_per_unit: float) -> Int64[np.ndarray, " n"]:
    """`values` in steps, rounded half to even, in their own memory."""
    for j in range(len(values)):
        values[j] = values[j] * steps_per_unit + _ROUNDING
    steps = values.view(np.int64)
    for j in range(len(steps)):
        steps[j] -= _ROUNDING_BITS
    return steps


@part
def any_inside(mask: UInt8[np.ndarray, "R H W"], row: int, left: int, count: int) -> bool:
    """Whether any of `count` pixels of `row` from column `left` on is in a region."""
    found = np.uint8(0)
    for region in range(mask.shape[0]):
        inside = mask[region, row, left : left + count]
        for j in range(count):
            found |= inside[j]
    return bool(found)


@part
def add_count(
    mask: UInt8[np.ndarray, "R H W"],
    row: int,
    left: int,
    count: int,
    sums: Int64[np.ndarray, "R S"],
) -> None:
    """Add the number of pixels in each region, of `count` from column `left` on, to column 0."""
    for region in range(mask.shape[0]):
        inside = mask[region, row, left : left + count]
        total = 0
        for j in range(count):
            total += inside[j]
        sums[region, 0] += total


@part
def add_values(
    values: Int[np.ndarray, " n"],
    mask: UInt8[np.ndarray, "R H W"],
    row: int,
    left: int,
    sums: Int64[np.ndarray, "R S"],
    column: int,
) -> None:
    """Add the values of the pixels from column `left` on that are in each region."""
    for region in range(mask.shape[0]):
        inside = mask[region, row, left : left + len(values)]
        total = 0
        for j in range(len(values)):
            total += values[j] if inside[j] else 0
        sums[region, column] += total
