// The part of CUDA C++ that the kernels use, for a host compiler.
//
// Reports what a GPU answers with a hang or with luck: barriers that not every thread reaches,
// shuffles that name absent lanes, shared memory read before it is written (it is filled with
// 0xff, NaN or -1, before each block). Weak memory order, occupancy and speed are not modelled.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
// a section of its own, so that all shared memory can be found and poisoned
#define __shared__ static __attribute__((section("cuda_shared")))

struct uint3 {
    unsigned x, y, z;
};

namespace cuda_on_cpu {

constexpr unsigned WARP = 32;

enum class Operation { none, syncwarp, shuffle_down, shuffle_xor, ballot };

struct Slot {
    unsigned round = 0;
    char value[16];
};

struct Warp {
    unsigned present = 0, exited = 0, arrived = 0, mask = 0, generation = 0;
    Operation operation = Operation::none;
    Slot slots[2][WARP];
};

struct Thread {
    uint3 index;
    unsigned number, lane;
    unsigned exchanges = 0;
    Warp* warp;
    bool done = false;
    const unsigned* awaited = nullptr;
    unsigned awaited_generation = 0;
    void* stack_pointer = nullptr;
    void* shadow_stack = nullptr;
    char* stack = nullptr;
};

#ifdef ONE_OS_THREAD_EACH
extern thread_local Thread* current;
#else
extern Thread* current;
#endif
extern uint3 block_index, block_extent, grid_extent;

void block_barrier();
void warp_barrier(unsigned mask, Operation operation);
[[noreturn]] void fail(const char* format, ...);

// every lane of the mask leaves a value, then all may read any; two sets of slots take turns
template <class T>
class Exchange {
    static_assert(sizeof(T) <= sizeof Slot::value, "exchange of a large type");
    unsigned mask, round;

public:
    Exchange(unsigned mask, T value, Operation operation) : mask(mask), round(++current->exchanges)
    {
        Slot& slot = current->warp->slots[round % 2][current->lane];
        slot.round = round;
        std::memcpy(slot.value, &value, sizeof(T));
        warp_barrier(mask, operation);
    }
    T from(unsigned lane) const
    {
        if (!(mask >> lane & 1)) fail("shuffle reads lane %u, which is not in mask %08x", lane, mask);
        const Slot& slot = current->warp->slots[round % 2][lane];
        if (slot.round != round) fail("lane %u took part in other shuffles before this one", lane);
        T value;
        std::memcpy(&value, slot.value, sizeof(T));
        return value;
    }
};

// one OS thread runs all fibers and none is preempted, so a plain update is atomic
template <class T, class F>
T update(T* place, F next)
{
#ifdef ONE_OS_THREAD_EACH
    T old = __atomic_load_n(place, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(place, &old, next(old), false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {}
#else
    T old = *place;
    *place = next(old);
#endif
    return old;
}

}  // namespace cuda_on_cpu

#define threadIdx (cuda_on_cpu::current->index)
#define blockIdx (cuda_on_cpu::block_index)
#define blockDim (cuda_on_cpu::block_extent)
#define gridDim (cuda_on_cpu::grid_extent)

using std::max;
using std::min;

inline void __syncthreads() { cuda_on_cpu::block_barrier(); }

inline void __syncwarp(unsigned mask = 0xffffffffu)
{
    cuda_on_cpu::warp_barrier(mask, cuda_on_cpu::Operation::syncwarp);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned step)
{
    const unsigned lane = cuda_on_cpu::current->lane;
    cuda_on_cpu::Exchange<T> exchange(mask, value, cuda_on_cpu::Operation::shuffle_down);
    return lane + step < cuda_on_cpu::WARP ? exchange.from(lane + step) : value;
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits)
{
    const unsigned lane = cuda_on_cpu::current->lane;
    cuda_on_cpu::Exchange<T> exchange(mask, value, cuda_on_cpu::Operation::shuffle_xor);
    return exchange.from(lane ^ bits);
}

inline unsigned __ballot_sync(unsigned mask, int vote)
{
    cuda_on_cpu::Exchange<int> exchange(mask, vote != 0, cuda_on_cpu::Operation::ballot);
    unsigned votes = 0;
    for (unsigned lane = 0; lane < cuda_on_cpu::WARP; ++lane)
        if (mask >> lane & 1) votes |= (unsigned)exchange.from(lane) << lane;
    return votes;
}

// integers only: the order of float additions would show in the result
inline unsigned long long atomicAdd(unsigned long long* place, unsigned long long value)
{
    return cuda_on_cpu::update(place, [=](unsigned long long old) { return old + value; });
}

inline unsigned __byte_perm(unsigned low, unsigned high, unsigned selector)
{
    const uint64_t bytes = (uint64_t)high << 32 | low;
    unsigned result = 0;
    for (int i = 0; i < 4; ++i)
        result |= (unsigned)(bytes >> 8 * (selector >> 4 * i & 7) & 255) << 8 * i;
    return result;
}

inline double __longlong_as_double(long long bits)
{
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline long long __double_as_longlong(double value)
{
    long long bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}
