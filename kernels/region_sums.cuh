// Sums of fixed-point values over the regions a mask marks, for one tile of an image.

#include "sums.cuh"

constexpr int REGIONS = 4;  // per block; further regions take another layer of the grid
constexpr int SUMS = 2;     // pixels and steps

struct RegionSums {
    unsigned int pixels[REGIONS];
    long long steps[REGIONS];
};

__device__ __forceinline__ unsigned int regions_of(
    const unsigned char* mask, long long pixels, int here)
{
    unsigned int inside = 0;
#pragma unroll
    for (int r = 0; r < REGIONS; ++r)
        if (r < here && mask[r * pixels] != 0) inside |= 1u << r;
    return inside;
}

__device__ __forceinline__ void add_to_regions(RegionSums& sums, unsigned int inside, long long steps)
{
#pragma unroll
    for (int r = 0; r < REGIONS; ++r) {
        if ((inside >> r & 1) == 0) continue;
        ++sums.pixels[r];
        sums.steps[r] += steps;
    }
}

// `partial` holds one row of sums per warp; the caller's barrier stands between the two halves
__device__ __forceinline__ void leave_warp_sums(
    const RegionSums& sums, int here, int thread, unsigned long long (*partial)[REGIONS * SUMS])
{
#pragma unroll
    for (int r = 0; r < REGIONS; ++r) {
        if (r >= here) break;
        const unsigned int pixels = warp_sum(sums.pixels[r]);
        const unsigned long long steps = warp_sum((unsigned long long)sums.steps[r]);
        if (thread % WARP != 0) continue;
        partial[thread / WARP][r * SUMS] = pixels;
        partial[thread / WARP][r * SUMS + 1] = steps;
    }
}

__device__ __forceinline__ void add_block_sums(
    const unsigned long long (*partial)[REGIONS * SUMS], int warps, int here, int thread,
    unsigned long long* sums)
{
    if (thread >= here * SUMS) return;
    unsigned long long total = 0;
    for (int w = 0; w < warps; ++w) total += partial[w][thread];
    if (total != 0) atomicAdd(sums + thread, total);
}

// half to even, the rounding of torch.round
__device__ __forceinline__ long long in_steps(double value)
{
    return llrint(value * 16777216.0);
}
