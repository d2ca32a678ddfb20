"""Distance between the features of one LPIPS layer, pooled over positions, on the CPU."""

import numpy as np
from jaxtyping import Float32, Float64, Int64

from gpu_metrics.kernels.compiled.build import part

# positions worked on at once
_TILE = 64

SIGNATURE = (
    "void(float32[:,::1], float32[:,::1], float64[:,:], int64, int64, int64[:,::1],"
    " float64[::1], float64, float64, float64)"
)


def lpips_pool(
    x: Float32[np.ndarray, "P C"],
    y: Float32[np.ndarray, "P C"],
    weights: Float64[np.ndarray, "R P"],
    first: int,
    last: int,
    sums: Int64[np.ndarray, "R 2"],
    heads: Float64[np.ndarray, " C"],
    epsilon: float,
    steps_per_unit: float,
    largest: float,
) -> None:
    """Add to `sums` the steps of positions `first` to `last`, and how many are beyond `largest`."""
    channels = len(heads)
    xx, yy = np.zeros(channels + 8), np.zeros(channels + 8)
    sxx, syy, sxy = np.zeros(channels + 8), np.zeros(channels + 8), np.zeros(channels + 8)
    # where the running sums of the channels 0, 8, 16.. end, those of 1, 9, 17.., and so on
    ends = channels + (np.arange(8) - channels) % 8
    totals = np.empty((5, _TILE))
    values = np.empty(_TILE)
    for start in range(first, last, _TILE):
        count = min(_TILE, last - start)
        for j in range(count):
            _put_running_sums(x[start + j], y[start + j], heads, xx, yy, sxx, syy, sxy)
            totals[0, j], totals[1, j] = _sum_of(xx, ends), _sum_of(yy, ends)
            totals[2, j], totals[3, j] = _sum_of(sxx, ends), _sum_of(syy, ends)
            totals[4, j] = _sum_of(sxy, ends)
        _put_distance(totals, epsilon, values[:count])
        _add_steps(values[:count], weights[:, start:last], steps_per_unit, largest, sums)


@part
def _put_running_sums(
    x: Float32[np.ndarray, " C"],
    y: Float32[np.ndarray, " C"],
    heads: Float64[np.ndarray, " C"],
    xx: Float64[np.ndarray, " C+8"],
    yy: Float64[np.ndarray, " C+8"],
    sxx: Float64[np.ndarray, " C+8"],
    syy: Float64[np.ndarray, " C+8"],
    sxy: Float64[np.ndarray, " C+8"],
) -> None:
    """Sums up to each channel over every eighth channel; the first eight entries stay zero."""
    for c in range(len(heads)):
        u, v = np.float64(x[c]), np.float64(y[c])
        uu, vv, uv = u * u, v * v, u * v
        # eight apart, so eight channels are one vector
        xx[c + 8] = xx[c] + uu
        yy[c + 8] = yy[c] + vv
        sxx[c + 8] = sxx[c] + heads[c] * uu
        syy[c + 8] = syy[c] + heads[c] * vv
        sxy[c + 8] = sxy[c] + heads[c] * uv


@part
def _sum_of(running: Float64[np.ndarray, " C+8"], ends: Int64[np.ndarray, "8"]) -> float:
    total: float = running[ends[0]]
    for group in range(1, 8):
        total = total + running[ends[group]]
    return total


@part
def _put_distance(
    totals: Float64[np.ndarray, "5 m"], epsilon: float, values: Float64[np.ndarray, " n"]
) -> None:
    for j in range(len(values)):
        nx, ny = np.sqrt(totals[0, j]) + epsilon, np.sqrt(totals[1, j]) + epsilon
        own = totals[2, j] / (nx * nx) + totals[3, j] / (ny * ny)
        values[j] = own - (2 * totals[4, j]) / (nx * ny)


@part
def _add_steps(
    values: Float64[np.ndarray, " n"],
    weights: Float64[np.ndarray, "R m"],
    steps_per_unit: float,
    largest: float,
    sums: Int64[np.ndarray, "R 2"],
) -> None:
    for region in range(len(weights)):
        steps, beyond = 0, 0
        for j in range(len(values)):
            term = values[j] * weights[region, j]
            # false for NaN, too
            fits = abs(term) < largest
            steps += int(np.rint(term * steps_per_unit)) if fits else 0
            beyond += 0 if fits else 1
        sums[region, 0] += steps
        sums[region, 1] += beyond
