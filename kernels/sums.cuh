// Sums over the threads of a warp. Integers only, so that no order of adding can change a bit.

constexpr unsigned int ALL_LANES = 0xffffffffu;
constexpr int WARP = 32;

template <typename Integer>
__device__ __forceinline__ Integer warp_sum(Integer value)
{
#pragma unroll
    for (int step = WARP / 2; step > 0; step /= 2)
        value += __shfl_down_sync(ALL_LANES, value, step);
    return value;
}
