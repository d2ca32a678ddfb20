// CIE76 or CIEDE2000 color difference of 8-bit sRGB, summed per region.

#include "cie_lab.cuh"
#include "ciede2000.cuh"
#include "region_sums.cuh"

constexpr int THREADS = 256;
constexpr int PIXELS = 8;  // per thread

extern "C" __global__ void __launch_bounds__(256) delta_e(
    const unsigned char* __restrict__ x,      // (batch, 3, pixels) through the strides below
    const unsigned char* __restrict__ y,      // (batch, 3, pixels) through the strides below
    const unsigned char* __restrict__ mask,   // (batch, regions, pixels), 0 or 1
    const double* __restrict__ linear_table,  // (256)
    unsigned long long* __restrict__ sums,    // (batch, regions, SUMS), zero at the start
    long long pixels, int regions, int perceptual,  // CIEDE2000 rather than CIE76
    long long x_batch, long long x_channel, long long x_pixel,
    long long y_batch, long long y_channel, long long y_pixel, long long mask_batch)
{
    __shared__ double linear[THREADS];
    __shared__ unsigned long long partial[THREADS / WARP][REGIONS * SUMS];

    linear[threadIdx.x] = linear_table[threadIdx.x];
    __syncthreads();

    const long long image = blockIdx.y;
    const int first_region = blockIdx.z * REGIONS;
    const int here = min(regions - first_region, REGIONS);
    x += image * x_batch;
    y += image * y_batch;
    mask += image * mask_batch + first_region * pixels;

    RegionSums totals = {};
    for (int i = 0; i < PIXELS; ++i) {
        const long long pixel = ((long long)blockIdx.x * PIXELS + i) * THREADS + threadIdx.x;
        if (pixel >= pixels) break;
        const unsigned int inside = regions_of(mask + pixel, pixels, here);
        if (inside == 0) continue;
        const Lab u = lab_of(x + pixel * x_pixel, x_channel, linear);
        const Lab v = lab_of(y + pixel * y_pixel, y_channel, linear);
        add_to_regions(totals, inside, in_steps(perceptual ? ciede2000(u, v) : cie76(u, v)));
    }

    leave_warp_sums(totals, here, threadIdx.x, partial);
    __syncthreads();
    add_block_sums(partial, THREADS / WARP, here, threadIdx.x,
                   sums + (image * regions + first_region) * SUMS);
}
