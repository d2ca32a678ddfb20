// Color differences of CIE Lab colors, in double and without libm.
//
// CIEDE2000 is written with the directions of hues in place of their angles: the mean hue halves
// the angle between two unit vectors, and its multiples are polynomials of its cosine and sine.
// Only the rotation term near blue needs an angle and an exponential; both are short series.

struct Direction {
    double cosine, sine;
};

__device__ __forceinline__ double length(double a, double b)
{
    return sqrt(a * a + b * b);
}

// sqrt(C^7 / (C^7 + 25^7))
__device__ __forceinline__ double saturation(double chroma)
{
    const double q = chroma / 25;
    const double q2 = q * q;
    const double q7 = (q2 * q2) * q2 * q;
    return sqrt(q7 / (q7 + 1));
}

// colors on opposite sides turn counterclockwise from the hue in [0, 180)
__device__ __forceinline__ bool turns_forward(double a1, double b1, double cross)
{
    return cross > 0 || (cross == 0 && (b1 > 0 || (b1 == 0 && a1 > 0)));
}

__device__ __forceinline__ double hue_difference(
    double product, double dot, double cross, bool forward)
{
    if (product == 0) return 0;
    // the first form does not cancel for near hues, the second not for opposite ones
    const double square = dot >= 0 ? 2 * (cross * cross) / (product + dot) : 2 * (product - dot);
    return forward ? sqrt(square) : -sqrt(square);
}

__device__ __forceinline__ Direction mean_hue(
    double a1, double b1, double c1, double a2, double b2, double c2, double dot, bool forward)
{
    const bool colored = c1 * c2 != 0;
    const double n1 = colored ? c1 : 1, n2 = colored ? c2 : 1;
    const double u = a1 / n1, v = b1 / n1, p = a2 / n2, q = b2 / n2;
    double cosine = u + p, sine = v + q;
    if (colored && dot < 0) {
        cosine = forward ? q - v : v - q;
        sine = forward ? u - p : p - u;
    }
    const double norm = length(cosine, sine);
    if (norm == 0) return {1, 0};
    return {cosine / norm, sine / norm};
}

__device__ __forceinline__ double hue_weight(Direction h)
{
    const double c2 = h.cosine * h.cosine - h.sine * h.sine;
    const double s2 = 2 * (h.sine * h.cosine);
    const double c3 = c2 * h.cosine - s2 * h.sine;
    const double s3 = s2 * h.cosine + c2 * h.sine;
    const double c4 = c2 * c2 - s2 * s2;
    const double s4 = 2 * (s2 * c2);
    // cosines of 30, 6 and 63 degrees with their sines
    const double first = h.cosine * 0.8660254037844386 + h.sine * 0.5;
    const double third = c3 * 0.9945218953682733 - s3 * 0.10452846326765347;
    const double fourth = c4 * 0.4539904997395468 + s4 * 0.8910065241883679;
    return 1 - 0.17 * first + 0.24 * c2 + 0.32 * third - 0.20 * fourth;
}

// exp(-((hue - 275) / 25)^2), hues in [0, 360); below 1e-14 it counts as zero
__device__ __forceinline__ double blueness(Direction h)
{
    const double cosine = h.cosine * 0.08715574274765818 - h.sine * 0.9961946980917455;
    const double sine = h.sine * 0.08715574274765818 + h.cosine * 0.9961946980917455;
    if (cosine <= -0.9 || (sine > 0 && cosine < 0.08715574274765818)) return 0;
    // the tangent of an eighth of the angle
    double z = sine / (1 + cosine);
    z = z / (1 + sqrt(1 + z * z));
    z = z / (1 + sqrt(1 + z * z));
    double arc = 0;
#pragma unroll
    for (int n = 10; n >= 0; --n) arc = 1.0 / (2 * n + 1) - z * z * arc;
    const double spread = 8 * 57.29577951308232 * (z * arc) / 25;

    // the exponential of a 64th, then six squarings
    const double exponent = spread * spread / -64;
    double power = 1;
#pragma unroll
    for (int n = 14; n >= 1; --n) power = 1 + exponent * (1.0 / n) * power;
#pragma unroll
    for (int i = 0; i < 6; ++i) power = power * power;
    return power;
}

// sine of twice 30 degrees times `blueness`
__device__ __forceinline__ double rotation(double blue)
{
    const double angle = 60 * 0.017453292519943295 * blue;
    double sum = 1;
#pragma unroll
    for (int n = 8; n >= 1; --n) sum = 1 - angle * angle * (1.0 / (2 * n * (2 * n + 1))) * sum;
    return angle * sum;
}

__device__ __forceinline__ double cie76(Lab x, Lab y)
{
    const double dl = x.l - y.l, da = x.a - y.a, db = x.b - y.b;
    return sqrt(dl * dl + da * da + db * db);
}

__device__ __forceinline__ double ciede2000(Lab x, Lab y)
{
    const double stretch = 1.5 - 0.5 * saturation((length(x.a, x.b) + length(y.a, y.b)) / 2);
    const double a1 = stretch * x.a, a2 = stretch * y.a;
    const double c1 = length(a1, x.b), c2 = length(a2, y.b);
    const double dot = a1 * a2 + x.b * y.b;
    const double cross = a1 * y.b - a2 * x.b;
    const bool forward = turns_forward(a1, x.b, cross);
    const double delta_h = hue_difference(c1 * c2, dot, cross, forward);

    const Direction hue = mean_hue(a1, x.b, c1, a2, y.b, c2, dot, forward);
    const double chroma = (c1 + c2) / 2;
    const double lightness = (x.l + y.l) / 2 - 50;
    const double bend = lightness * lightness;
    const double dl = (y.l - x.l) / (1 + 0.015 * bend / sqrt(20 + bend));
    const double dc = (c2 - c1) / (1 + 0.045 * chroma);
    const double dh = delta_h / (1 + 0.015 * chroma * hue_weight(hue));
    const double turn = 2 * saturation(chroma) * rotation(blueness(hue));
    const double square = dl * dl + dc * dc + dh * dh - turn * dc * dh;
    return sqrt(square > 0 ? square : 0);
}
