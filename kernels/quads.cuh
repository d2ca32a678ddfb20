// Four neighbouring pixels at a time, one 32-bit word per channel, whatever the memory layout.

struct Quad {
    unsigned int channel[3];  // byte i is pixel i
};

__device__ __forceinline__ bool word_aligned(const unsigned char* address, long long step)
{
    return (((unsigned long long)address | (unsigned long long)step) & 3) == 0;
}

__device__ __forceinline__ unsigned int load_word(const unsigned char* address)
{
    return *reinterpret_cast<const unsigned int*>(address);
}

__device__ __forceinline__ unsigned int load_bytes(
    const unsigned char* address, long long step, int count)
{
    unsigned int word = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i)
        if (i < count) word |= (unsigned int)address[i * step] << 8 * i;
    return word;
}

__device__ __forceinline__ Quad load_quad(
    const unsigned char* image, long long channel_stride, long long pixel_stride,
    long long pixel, int count)
{
    const unsigned char* first = image + pixel * pixel_stride;
    const bool planar = pixel_stride == 1 && word_aligned(image, channel_stride);
    const bool interleaved = pixel_stride == 3 && channel_stride == 1 && word_aligned(image, 0);
    if (count == 4 && planar)
        return {load_word(first), load_word(first + channel_stride),
                load_word(first + 2 * channel_stride)};
    if (count == 4 && interleaved) {
        // r g b r | g b r g | b r g b
        const unsigned int a = load_word(first);
        const unsigned int b = load_word(first + 4);
        const unsigned int c = load_word(first + 8);
        return {__byte_perm(__byte_perm(a, b, 0x0630), c, 0x5210),
                __byte_perm(__byte_perm(a, b, 0x0741), c, 0x6210),
                __byte_perm(__byte_perm(a, b, 0x0052), c, 0x7410)};
    }
    return {load_bytes(first, pixel_stride, count),
            load_bytes(first + channel_stride, pixel_stride, count),
            load_bytes(first + 2 * channel_stride, pixel_stride, count)};
}

__device__ __forceinline__ int byte_of(unsigned int word, int i)
{
    return word >> 8 * i & 255;
}
