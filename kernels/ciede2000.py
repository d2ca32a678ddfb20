"""Color differences in float64 and without libm: the twins of `cie_lab.cuh` and `ciede2000.cuh`."""

from decimal import Decimal, localcontext
from functools import cache

import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

_XYZ = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
# D65, by which X, Y and Z are divided
_WHITE = (0.95047, 1.0, 1.08883)
XYZ = tuple(tuple(w / white for w in row) for row, white in zip(_XYZ, _WHITE, strict=True))


@cache
def linear_table() -> Float64[Tensor, "256"]:
    """Linear light of each 8-bit sRGB value, correctly rounded: libm's powers differ."""
    with localcontext() as context:
        context.prec = 40
        values = [Decimal(v) / 255 for v in range(256)]
        bright = [((v + Decimal("0.055")) / Decimal("1.055")) ** Decimal("2.4") for v in values]
        dark = [v / Decimal("12.92") for v in values]
        limit = Decimal("0.04045")
        linear = [d if v <= limit else b for v, d, b in zip(values, dark, bright, strict=True)]
        return torch.tensor([float(v) for v in linear], dtype=torch.float64)


def lab(image: UInt8[Tensor, "B 3 *s"]) -> Float64[Tensor, "B 3 *s"]:
    """CIE Lab (D65) of 8-bit sRGB, with the constants of kornia; the same bits everywhere."""
    r, g, b = linear_table().to(image.device)[image.int()].unbind(1)
    x, y, z = (wr * r + wg * g + wb * b for wr, wg, wb in XYZ)
    fx, fy, fz = _curve(x), _curve(y), _curve(z)
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], dim=1)


def cie76(x: Float64[Tensor, "B 3 *s"], y: Float64[Tensor, "B 3 *s"]) -> Float64[Tensor, "B *s"]:
    """CIE76 difference of CIE Lab colors: their Euclidean distance."""
    dl, da, db = (x - y).unbind(1)
    return (dl * dl + da * da + db * db).sqrt()


def ciede2000(
    x: Float64[Tensor, "B 3 *s"], y: Float64[Tensor, "B 3 *s"]
) -> Float64[Tensor, "B *s"]:
    """CIEDE2000 difference of CIE Lab colors, all weighting factors 1; the same bits everywhere.

    Reference:
        Sharma, Wu, Dalal, "The CIEDE2000 color-difference formula", Color Res. Appl. 2005.
    """
    (l1, a1, b1), (l2, a2, b2) = x.unbind(1), y.unbind(1)
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
    dl = (l2 - l1) / (1 + 0.015 * bend / (20 + bend).sqrt())
    dc = (c2 - c1) / (1 + 0.045 * chroma)
    dh = delta_h / (1 + 0.015 * chroma * _hue_weight(cosine, sine))
    turn = 2 * _saturation(chroma) * _rotation(_blueness(cosine, sine))
    square = dl * dl + dc * dc + dh * dh - turn * dc * dh
    # rounding can leave a trace below zero; a NaN stays one
    return square.where(~(square < 0), 0).sqrt()


def _curve(t: Tensor) -> Tensor:
    return _cube_root(t).where(t > 0.008856, 7.787 * t + 4 / 29)


def _cube_root(t: Tensor) -> Tensor:
    """A third of the upper bits for a start, then two cubically convergent steps: to 7e-15."""
    third = torch.div(t.view(torch.int64) >> 32, 3, rounding_mode="floor") << 32
    root = (third + 3071306043645493248).view(torch.float64)
    for _ in range(2):
        cube = root * root * root
        root = root * ((cube + 2 * t) / (2 * cube + t))
    return root


def _length(a: Tensor, b: Tensor) -> Tensor:
    return (a * a + b * b).sqrt()


def _saturation(chroma: Tensor) -> Tensor:
    """sqrt(C^7 / (C^7 + 25^7))."""
    q = chroma / 25
    q2 = q * q
    q7 = (q2 * q2) * q2 * q
    return (q7 / (q7 + 1)).sqrt()


def _hue_difference(product: Tensor, dot: Tensor, cross: Tensor, forward: Tensor) -> Tensor:
    near = 2 * (cross * cross) / (product + dot)
    square = near.where(dot >= 0, 2 * (product - dot))
    root = square.sqrt()
    return root.where(forward, -root).where(product != 0, 0)


def _mean_hue(
    a1: Tensor,
    b1: Tensor,
    c1: Tensor,
    a2: Tensor,
    b2: Tensor,
    c2: Tensor,
    dot: Tensor,
    forward: Tensor,
) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the hue halfway; that of the other color where one is grey."""
    colored = c1 * c2 != 0
    n1, n2 = c1.where(colored, 1), c2.where(colored, 1)
    u, v, p, q = a1 / n1, b1 / n1, a2 / n2, b2 / n2
    opposite = colored & (dot < 0)
    cosine = (q - v).where(forward, v - q).where(opposite, u + p)
    sine = (u - p).where(forward, p - u).where(opposite, v + q)
    norm = _length(cosine, sine)
    return (cosine / norm).where(norm != 0, 1), (sine / norm).where(norm != 0, 0)


def _hue_weight(cosine: Tensor, sine: Tensor) -> Tensor:
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


def _blueness(cosine: Tensor, sine: Tensor) -> Tensor:
    """exp(-((hue - 275) / 25)^2), hues in [0, 360); below 1e-14 it counts as zero."""
    cosine, sine = (
        cosine * 0.08715574274765818 - sine * 0.9961946980917455,
        sine * 0.08715574274765818 + cosine * 0.9961946980917455,
    )
    far = (cosine <= -0.9) | ((sine > 0) & (cosine < 0.08715574274765818))
    # the tangent of an eighth of the angle
    z = sine / (1 + cosine)
    z = z / (1 + (1 + z * z).sqrt())
    z = z / (1 + (1 + z * z).sqrt())
    arc = torch.zeros_like(z)
    for n in range(10, -1, -1):
        arc = 1 / (2 * n + 1) - z * z * arc
    spread = 8 * 57.29577951308232 * (z * arc) / 25

    # the exponential of a 64th, then six squarings
    exponent = spread * spread / -64
    power = torch.ones_like(z)
    for n in range(14, 0, -1):
        power = 1 + exponent * (1 / n) * power
    for _ in range(6):
        power = power * power
    return power.where(~far, 0)


def _rotation(blue: Tensor) -> Tensor:
    """Sine of twice 30 degrees times `blue`."""
    angle = 60 * 0.017453292519943295 * blue
    total = torch.ones_like(angle)
    for n in range(8, 0, -1):
        total = 1 - angle * angle * (1 / (2 * n * (2 * n + 1))) * total
    return angle * total
