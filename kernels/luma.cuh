// Luma of 8-bit sRGB in thousandths, .299 R + .587 G + .114 B, an exact integer up to 255000.

__device__ __forceinline__ int luma_of(const unsigned char* pixel, long long channel_stride)
{
    return 299 * pixel[0] + 587 * pixel[channel_stride] + 114 * pixel[2 * channel_stride];
}
