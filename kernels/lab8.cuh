// 8-bit CIE Lab of 8-bit sRGB in integers, as OpenCV defines it; see gpu_metrics/color.py.

constexpr int LEVELS = 256;
constexpr int ROOTS = 2041;  // linear light ends at 2040

struct Lab8 {
    int l, a, b;
};

__device__ __forceinline__ int descale(int value, int bits)
{
    return (value + (1 << (bits - 1))) >> bits;
}

__device__ __forceinline__ int as_byte(int value)
{
    return min(max(value, 0), 255);
}

__device__ __forceinline__ Lab8 lab8(
    int red, int green, int blue, const unsigned short* linear, const unsigned short* roots)
{
    const int r = linear[red];
    const int g = linear[green];
    const int b = linear[blue];
    const int fx = roots[descale(1777 * r + 1541 * g + 778 * b, 12)];
    const int fy = roots[descale(871 * r + 2929 * g + 296 * b, 12)];
    const int fz = roots[descale(73 * r + 448 * g + 3575 * b, 12)];
    return {as_byte(descale(296 * fy - 1336934, 15)),
            as_byte(descale(500 * (fx - fy), 15) + 128),
            as_byte(descale(200 * (fy - fz), 15) + 128)};
}
