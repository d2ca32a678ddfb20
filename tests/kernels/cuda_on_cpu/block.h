// The state of the block that runs, and the rules of its warps; shared by fibers and threads.
#pragma once
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

extern "C" {
extern char __start_cuda_shared[] __attribute__((weak));
extern char __stop_cuda_shared[] __attribute__((weak));
}

namespace cuda_on_cpu {

uint3 block_index, block_extent, grid_extent;
static char report[512];

static void (*kernel)(void**);
static void** kernel_arguments;
static std::vector<Thread> threads;
static std::vector<Warp> warps;
static unsigned live, at_barrier, barrier_generation;

static const char* name_of(Operation operation)
{
    static const char* names[] = {"none", "__syncwarp", "__shfl_down_sync", "__shfl_xor_sync",
                                  "__ballot_sync"};
    return names[(int)operation];
}

static void set_up_block()
{
    const unsigned count = block_extent.x * block_extent.y * block_extent.z;
    threads.assign(count, Thread());
    warps.assign((count + WARP - 1) / WARP, Warp());
    live = count;
    at_barrier = 0;
    for (unsigned i = 0; i < count; ++i) {
        Thread& thread = threads[i];
        thread.number = i;
        thread.lane = i % WARP;
        thread.warp = &warps[i / WARP];
        thread.warp->present |= 1u << thread.lane;
        thread.index = {i % block_extent.x, i / block_extent.x % block_extent.y,
                        i / (block_extent.x * block_extent.y)};
    }
    if (__start_cuda_shared)
        std::memset(__start_cuda_shared, 0xff, __stop_cuda_shared - __start_cuda_shared);
}

static void check_mask(unsigned mask, Operation operation)
{
    const Warp& warp = *current->warp;
    const char* name = name_of(operation);
    if (!(mask >> current->lane & 1))
        fail("%s: calling lane %u is not in its own mask %08x", name, current->lane, mask);
    if (mask & ~warp.present)
        fail("%s: mask %08x names lanes that do not exist in a block of %u threads", name, mask,
             (unsigned)threads.size());
    if (mask & warp.exited)
        fail("%s: mask %08x names lanes that have exited: %08x", name, mask, warp.exited);
    if (warp.arrived && (warp.mask != mask || warp.operation != operation))
        fail("%s with mask %08x meets %s with mask %08x in one warp", name, mask,
             name_of(warp.operation), warp.mask);
}

// the last lane to arrive frees the others
static bool last_in_warp(unsigned mask, Operation operation)
{
    check_mask(mask, operation);
    Warp& warp = *current->warp;
    warp.mask = mask;
    warp.operation = operation;
    warp.arrived |= 1u << current->lane;
    if (warp.arrived != mask) return false;
    warp.arrived = 0;
    ++warp.generation;
    return true;
}

static bool last_at_barrier()
{
    if (++at_barrier != live) return false;
    at_barrier = 0;
    ++barrier_generation;
    return true;
}

static void leave_block()
{
    current->warp->exited |= 1u << current->lane;
    current->done = true;
    --live;
    if (live && at_barrier == live) {
        at_barrier = 0;
        ++barrier_generation;
    }
}

static void describe(const char* format, va_list values)
{
    char text[320];
    vsnprintf(text, sizeof text, format, values);
    snprintf(report, sizeof report, "block (%u, %u, %u) thread (%u, %u, %u): %s", block_index.x,
             block_index.y, block_index.z, current->index.x, current->index.y, current->index.z,
             text);
}

}  // namespace cuda_on_cpu
