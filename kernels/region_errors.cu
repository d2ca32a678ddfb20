// Pixel count, squared error per channel and 8-bit Lab distance of each region, from raw bytes.
//
// A thread takes quads of pixels and keeps one set of sums per region in registers. Every sum is
// an integer, so any grid and any schedule give the same bits.

#include "lab8.cuh"
#include "quads.cuh"
#include "sums.cuh"

constexpr int THREADS = 256;
constexpr int QUADS = 4;    // quads per thread
constexpr int REGIONS = 4;  // regions per block; further ones take another layer of the grid
constexpr int COLUMNS = 5;  // count, squared error of r, g and b, Lab distance

extern "C" __global__ void __launch_bounds__(256) region_errors(
    const unsigned char* __restrict__ x,     // (batch, 3, pixels) through the strides below
    const unsigned char* __restrict__ y,     // (batch, 3, pixels) through the strides below
    const unsigned char* __restrict__ mask,  // (batch, regions, pixels), 0 or 1
    const int* __restrict__ linear_table,    // (256)
    const int* __restrict__ root_table,      // (3072)
    unsigned long long* __restrict__ sums,   // (batch, regions, COLUMNS), zero at the start
    long long pixels, int regions,
    long long x_batch, long long x_channel, long long x_pixel,
    long long y_batch, long long y_channel, long long y_pixel, long long mask_batch)
{
    __shared__ unsigned short linear[LEVELS];
    __shared__ unsigned short roots[ROOTS];
    __shared__ unsigned long long partial[REGIONS * COLUMNS][THREADS / WARP];

    for (int i = threadIdx.x; i < LEVELS; i += THREADS) linear[i] = linear_table[i];
    for (int i = threadIdx.x; i < ROOTS; i += THREADS) roots[i] = root_table[i];
    __syncthreads();

    const long long image = blockIdx.y;
    const int first_region = blockIdx.z * REGIONS;
    const int here = min(regions - first_region, REGIONS);
    x += image * x_batch;
    y += image * y_batch;
    mask += image * mask_batch + first_region * pixels;

    unsigned int count[REGIONS] = {};
    unsigned int squared[REGIONS][3] = {};
    unsigned long long distance[REGIONS] = {};

    for (int quad = 0; quad < QUADS; ++quad) {
        const long long pixel =
            4 * (((long long)blockIdx.x * QUADS + quad) * THREADS + threadIdx.x);
        if (pixel >= pixels) break;
        const int present = min(pixels - pixel, 4LL);

        unsigned int inside[REGIONS];
        unsigned int anywhere = 0;
#pragma unroll
        for (int r = 0; r < REGIONS; ++r) {
            const unsigned char* flags = mask + r * pixels + pixel;
            inside[r] = 0;
            if (r < here)
                inside[r] = present == 4 && word_aligned(flags, 0) ? load_word(flags)
                                                                   : load_bytes(flags, 1, present);
            anywhere |= inside[r];
        }
        if (anywhere == 0) continue;

        const Quad u = load_quad(x, x_channel, x_pixel, pixel, present);
        const Quad v = load_quad(y, y_channel, y_pixel, pixel, present);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            if (byte_of(anywhere, i) == 0) continue;
            unsigned int square[3];
#pragma unroll
            for (int c = 0; c < 3; ++c) {
                const int difference = byte_of(u.channel[c], i) - byte_of(v.channel[c], i);
                square[c] = difference * difference;
            }
            const Lab8 p = lab8(byte_of(u.channel[0], i), byte_of(u.channel[1], i),
                                byte_of(u.channel[2], i), linear, roots);
            const Lab8 q = lab8(byte_of(v.channel[0], i), byte_of(v.channel[1], i),
                                byte_of(v.channel[2], i), linear, roots);
            const int apart = (p.l - q.l) * (p.l - q.l) + (p.a - q.a) * (p.a - q.a)
                            + (p.b - q.b) * (p.b - q.b);
            // the root of an integer is rounded correctly everywhere, and so is the step to 2^-24
            const unsigned long long steps = llrint(sqrt((double)apart) * 16777216.0);
#pragma unroll
            for (int r = 0; r < REGIONS; ++r) {
                if (byte_of(inside[r], i) == 0) continue;
                ++count[r];
                for (int c = 0; c < 3; ++c) squared[r][c] += square[c];
                distance[r] += steps;
            }
        }
    }

    const int lane = threadIdx.x % WARP;
    const int warp = threadIdx.x / WARP;
#pragma unroll
    for (int r = 0; r < REGIONS; ++r) {
        if (r >= here) break;
        const unsigned int counted = warp_sum(count[r]);
        const unsigned int red = warp_sum(squared[r][0]);
        const unsigned int green = warp_sum(squared[r][1]);
        const unsigned int blue = warp_sum(squared[r][2]);
        const unsigned long long apart = warp_sum(distance[r]);
        if (lane != 0) continue;
        partial[r * COLUMNS + 0][warp] = counted;
        partial[r * COLUMNS + 1][warp] = red;
        partial[r * COLUMNS + 2][warp] = green;
        partial[r * COLUMNS + 3][warp] = blue;
        partial[r * COLUMNS + 4][warp] = apart;
    }
    __syncthreads();

    if ((int)threadIdx.x < here * COLUMNS) {
        unsigned long long total = 0;
        for (int w = 0; w < THREADS / WARP; ++w) total += partial[threadIdx.x][w];
        sums += (image * regions + first_region) * COLUMNS + threadIdx.x;
        if (total != 0) atomicAdd(sums, total);
    }
}
