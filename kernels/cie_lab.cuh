// CIE Lab (D65) of 8-bit sRGB in double, from a table and + - * / alone, so without libm.

struct Lab {
    double l, a, b;
};

// a third of the upper bits for a start, then two cubically convergent steps: to 7e-15
__device__ __forceinline__ double cube_root(double t)
{
    double root = __longlong_as_double(((__double_as_longlong(t) >> 32) / 3 << 32) + 3071306043645493248LL);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        const double cube = root * root * root;
        root = root * ((cube + 2 * t) / (2 * cube + t));
    }
    return root;
}

__device__ __forceinline__ double lab_curve(double t)
{
    return t > 0.008856 ? cube_root(t) : 7.787 * t + 4.0 / 29;
}

__device__ __forceinline__ Lab lab_of(
    const unsigned char* pixel, long long channel_stride, const double* linear)
{
    const double r = linear[pixel[0]];
    const double g = linear[pixel[channel_stride]];
    const double b = linear[pixel[2 * channel_stride]];
    const double fx = lab_curve(
        0.412453 / 0.95047 * r + 0.357580 / 0.95047 * g + 0.180423 / 0.95047 * b);
    const double fy = lab_curve(0.212671 * r + 0.715160 * g + 0.072169 * b);
    const double fz = lab_curve(
        0.019334 / 1.08883 * r + 0.119193 / 1.08883 * g + 0.950227 / 1.08883 * b);
    return {116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)};
}
