// One OS thread per CUDA thread, so that the thread sanitizer sees races in shared memory.
#pragma once
#include <condition_variable>
#include <mutex>
#include <thread>

namespace cuda_on_cpu {

thread_local Thread* current;
static std::mutex block_lock;
static std::condition_variable block_signal;
// a lock per warp: one for all would order the warps and hide their races
static std::mutex warp_locks[WARP];
static std::condition_variable warp_signals[WARP];

void fail(const char* format, ...)
{
    va_list values;
    va_start(values, format);
    describe(format, values);
    va_end(values);
    fprintf(stderr, "%s\n", report);
    abort();
}

void block_barrier()
{
    std::unique_lock<std::mutex> hold(block_lock);
    const unsigned generation = barrier_generation;
    if (last_at_barrier())
        block_signal.notify_all();
    else
        block_signal.wait(hold, [&] { return barrier_generation != generation; });
}

void warp_barrier(unsigned mask, Operation operation)
{
    const unsigned number = current->number / WARP;
    std::unique_lock<std::mutex> hold(warp_locks[number]);
    const unsigned generation = current->warp->generation;
    if (last_in_warp(mask, operation))
        warp_signals[number].notify_all();
    else
        warp_signals[number].wait(hold, [&] { return current->warp->generation != generation; });
}

static void run_thread(Thread* thread)
{
    current = thread;
    kernel(kernel_arguments);
    std::unique_lock<std::mutex> hold(warp_locks[thread->number / WARP]);
    std::unique_lock<std::mutex> hold_block(block_lock);
    leave_block();
    block_signal.notify_all();
}

static bool run(uint64_t)
{
    const unsigned blocks = grid_extent.x * grid_extent.y * grid_extent.z;
    for (unsigned b = 0; b < blocks; ++b) {
        block_index = {b % grid_extent.x, b / grid_extent.x % grid_extent.y,
                       b / (grid_extent.x * grid_extent.y)};
        set_up_block();
        std::vector<std::thread> running;
        for (Thread& thread : threads) running.emplace_back(run_thread, &thread);
        for (std::thread& thread : running) thread.join();
    }
    return true;
}

}  // namespace cuda_on_cpu
