"""CIEDE2000 without libm, with the bits of `ciede2000` in `kernels/ciede2000.py`."""

import numpy as np
from jaxtyping import Float64

from gpu_metrics.kernels.compiled.build import part


@part
def put_ciede2000(
    x: Float64[np.ndarray, "3 m"], y: Float64[np.ndarray, "3 m"], out: Float64[np.ndarray, " n"]
) -> None:
    """Differences of the first n columns of two sets of Lab colors."""
    for j in range(len(out)):
        out[j] = _difference(x[0, j], x[1, j], x[2, j], y[0, j], y[1, j], y[2, j])


@part
def _difference(l1: float, a1: float, b1: float, l2: float, a2: float, b2: float) -> float:
    stretch = 1.5 - 0.5 * _saturation((_length(a1, b1) + _length(a2, b2)) / 2)
    a1, a2 = stretch * a1, stretch * a2
    c1, c2 = _length(a1, b1), _length(a2, b2)
    dot = a1 * a2 + b1 * b2
    cross = a1 * b2 - a2 * b1
    # colors on opposite sides turn counterclockwise from the hue in [0, 180)
    forward = (cross > 0) | ((cross == 0) & ((b1 > 0) | ((b1 == 0) & (a1 > 0))))
    delta_h = _hue_difference(c1 * c2, dot, cross, forward)

    cosine, sine = _mean_hue(a1, b1, c1, a2, b2, c2, dot, forward)
    chroma = (c1 + c2) / 2
    lightness = (l1 + l2) / 2 - 50
    bend = lightness * lightness
    dl = (l2 - l1) / (1 + 0.015 * bend / np.sqrt(20 + bend))
    dc = (c2 - c1) / (1 + 0.045 * chroma)
    dh = delta_h / (1 + 0.015 * chroma * _hue_weight(cosine, sine))
    turn = 2 * _saturation(chroma) * _rotation(_blueness(cosine, sine))
    square = dl * dl + dc * dc + dh * dh - turn * dc * dh
    # rounding can leave a trace below zero
    return float(np.sqrt(0.0 if square < 0 else square))


@part
def _length(a: float, b: float) -> float:
    return float(np.sqrt(a * a + b * b))


@part
def _saturation(chroma: float) -> float:
    """sqrt(C^7 / (C^7 + 25^7))."""
    q = chroma / 25
    q2 = q * q
    q7 = (q2 * q2) * q2 * q
    return float(np.sqrt(q7 / (q7 + 1)))


@part
def _hue_difference(product: float, dot: float, cross: float, forward: bool) -> float:
    near = 2 * (cross * cross) / (product + dot)
    root = np.sqrt(near if dot >= 0 else 2 * (product - dot))
    signed = root if forward else -root
    return signed if product != 0 else 0.0


@part
def _mean_hue(
    a1: float,
    b1: float,
    c1: float,
    a2: float,
    b2: float,
    c2: float,
    dot: float,
    forward: bool,
) -> tuple[float, float]:
    """Cosine and sine of the hue halfway; that of the other color where one is grey."""
    colored = c1 * c2 != 0
    n1, n2 = c1 if colored else 1.0, c2 if colored else 1.0
    u, v, p, q = a1 / n1, b1 / n1, a2 / n2, b2 / n2
    opposite = colored & (dot < 0)
    turned_cosine = q - v if forward else v - q
    turned_sine = u - p if forward else p - u
    cosine = turned_cosine if opposite else u + p
    sine = turned_sine if opposite else v + q
    norm = _length(cosine, sine)
    return cosine / norm if norm != 0 else 1.0, sine / norm if norm != 0 else 0.0


@part
def _hue_weight(cosine: float, sine: float) -> float:
    c2 = cosine * cosine - sine * sine
    s2 = 2 * (sine * cosine)
    c3 = c2 * cosine - s2 * sine
    s3 = s2 * cosine + c2 * sine
    c4 = c2 * c2 - s2 * s2
    s4 = 2 * (s2 * c2)
    # cosines of 30, 6 and 63 degrees with their sines
    first = cosine * 0.8660254037844386 + sine * 0.5
    third = c3 * 0.9945218953682733 - s3 * 0.10452846326765347
    fourth = c4 * 0.4539904997395468 + s4 * 0.8910065241883679
    return 1 - 0.17 * first + 0.24 * c2 + 0.32 * third - 0.20 * fourth


@part
def _blueness(cosine: float, sine: float) -> float:
    """exp(-((hue - 275) / 25)^2), hues in [0, 360); below 1e-14 it counts as zero."""
    cosine, sine = (
        cosine * 0.08715574274765818 - sine * 0.9961946980917455,
        sine * 0.08715574274765818 + cosine * 0.9961946980917455,
    )
    far = (cosine <= -0.9) | ((sine > 0) & (cosine < 0.08715574274765818))
    # the tangent of an eighth of the angle
    z = sine / (1 + cosine)
    z = z / (1 + np.sqrt(1 + z * z))
    z = z / (1 + np.sqrt(1 + z * z))
    arc = 0.0
    for n in range(10, -1, -1):
        arc = 1 / (2 * n + 1) - z * z * arc
    spread = 8 * 57.29577951308232 * (z * arc) / 25

    # the exponential of a 64th, then six squarings
    exponent = spread * spread / -64
    power = 1.0
    for n in range(14, 0, -1):
        power = 1 + exponent * (1 / n) * power
    for _ in range(6):
        power = power * power
    return 0.0 if far else power


@part
def _rotation(blue: float) -> float:
    """Sine of twice 30 degrees times `blue`."""
    angle = 60 * 0.017453292519943295 * blue
    total = 1.0
    for n in range(8, 0, -1):
        total = 1 - angle * angle * (1 / (2 * n * (2 * n + 1))) * total
    return angle * total
