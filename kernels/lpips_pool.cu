// Weighted distance between the unit features of one LPIPS layer, summed over positions.
//
// Each feature is read once and never normalised in memory: with |x| and |y| known only at the
// end, sum l (x / |x| - y / |y|)^2 is put together from five sums over channels. They are kept in
// double, where the products of two floats are exact, so equal features are exactly zero apart.

#include "sums.cuh"

constexpr int GROUPS = 8;  // warps, each adding every eighth channel
constexpr int CHANNEL_SUMS = 5;
constexpr double EPSILON = 1e-10;       // outside the root, as in LPIPS v0.1
constexpr double STEPS = 0x1p48;        // steps per unit
constexpr double LARGEST = 0x1p14;      // terms that 63 bits hold

extern "C" __global__ void __launch_bounds__(256) lpips_pool(
    const float* __restrict__ x,         // (batch, channels, positions)
    const float* __restrict__ y,         // (batch, channels, positions)
    const float* __restrict__ heads,     // (channels)
    const double* __restrict__ weights,  // (batch, regions, positions), sum to one per region
    unsigned long long* __restrict__ sums,  // (batch, regions, 2), zero: steps, terms beyond them
    long long positions, int channels, int regions,
    long long x_batch, long long y_batch, long long weights_batch)
{
    __shared__ double partial[GROUPS][CHANNEL_SUMS][WARP];

    const int lane = threadIdx.x % WARP;
    const int group = threadIdx.x / WARP;
    const long long image = blockIdx.y;
    const long long position = (long long)blockIdx.x * WARP + lane;
    const bool present = position < positions;

    double xx = 0, yy = 0, sxx = 0, syy = 0, sxy = 0;
    for (int channel = group; channel < channels; channel += GROUPS) {
        const long long offset = channel * positions + position;
        const double u = present ? x[image * x_batch + offset] : 0;
        const double v = present ? y[image * y_batch + offset] : 0;
        const double head = heads[channel];
        xx = xx + u * u;
        yy = yy + v * v;
        sxx = sxx + head * (u * u);
        syy = syy + head * (v * v);
        sxy = sxy + head * (u * v);
    }
    partial[group][0][lane] = xx;
    partial[group][1][lane] = yy;
    partial[group][2][lane] = sxx;
    partial[group][3][lane] = syy;
    partial[group][4][lane] = sxy;
    __syncthreads();
    if (group != 0) return;

    for (int g = 1; g < GROUPS; ++g) {
        xx = xx + partial[g][0][lane];
        yy = yy + partial[g][1][lane];
        sxx = sxx + partial[g][2][lane];
        syy = syy + partial[g][3][lane];
        sxy = sxy + partial[g][4][lane];
    }
    const double nx = sqrt(xx) + EPSILON;
    const double ny = sqrt(yy) + EPSILON;
    const double distance = (sxx / (nx * nx) + syy / (ny * ny)) - (2 * sxy) / (nx * ny);

    for (int region = 0; region < regions; ++region) {
        const double weight =
            present ? weights[image * weights_batch + region * positions + position] : 0;
        const double term = present ? distance * weight : 0;
        // false for NaN, too
        const bool fits = fabs(term) < LARGEST;
        const unsigned long long steps = warp_sum(
            (unsigned long long)(fits ? llrint(term * STEPS) : 0));
        const unsigned int beyond = warp_sum(fits ? 0u : 1u);
        if (lane != 0) continue;
        unsigned long long* place = sums + (image * regions + region) * 2;
        if (steps != 0) atomicAdd(place, steps);
        if (beyond != 0) atomicAdd(place + 1, beyond);
    }
}
