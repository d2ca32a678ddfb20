// One fiber per CUDA thread, one block at a time, in an order chosen by a seed.
//
// Seed 0 runs threads in order. Any other seed runs blocks in random order and lets a favourite
// warp run as far as it can before any other moves, which is what exposes missing barriers: a
// fair schedule hides some.
#pragma once
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace cuda_on_cpu {

Thread* current;
static bool failed;
static void* scheduler_stack_pointer;
static std::vector<char> stacks;
static uint64_t random_state;
constexpr size_t STACK = 64 << 10;

extern "C" void cuda_on_cpu_switch(void** save, void* load);
#if defined(__x86_64__)
asm(".text\n.globl cuda_on_cpu_switch\n.type cuda_on_cpu_switch,@function\ncuda_on_cpu_switch:\n"
    "pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
    "movq %rsp,(%rdi); movq %rsi,%rsp\n"
    "popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp; ret\n"
    ".size cuda_on_cpu_switch,.-cuda_on_cpu_switch\n");

static void* fresh_stack(char* base, void (*entry)())
{
    void** top = (void**)(((uintptr_t)base + STACK) & ~(uintptr_t)15);
    *--top = nullptr;
    *--top = (void*)entry;
    for (int saved = 0; saved < 6; ++saved) *--top = nullptr;
    return top;
}
#else
#error "add a context switch for this processor, or build with -DONE_OS_THREAD_EACH"
#endif

// the address sanitizer must be told which stack is in use
#if defined(__SANITIZE_ADDRESS__)
static void* scheduler_shadow;
static const void* scheduler_bottom;
static size_t scheduler_size;

static void to_scheduler()
{
    Thread* me = current;
    __sanitizer_start_switch_fiber(me->done ? nullptr : &me->shadow_stack, scheduler_bottom,
                                   scheduler_size);
    cuda_on_cpu_switch(&me->stack_pointer, scheduler_stack_pointer);
    __sanitizer_finish_switch_fiber(me->shadow_stack, &scheduler_bottom, &scheduler_size);
}

static void to_thread(Thread& thread)
{
    current = &thread;
    __sanitizer_start_switch_fiber(&scheduler_shadow, thread.stack, STACK);
    cuda_on_cpu_switch(&scheduler_stack_pointer, thread.stack_pointer);
    __sanitizer_finish_switch_fiber(scheduler_shadow, nullptr, nullptr);
}
#else
static void to_scheduler() { cuda_on_cpu_switch(&current->stack_pointer, scheduler_stack_pointer); }

static void to_thread(Thread& thread)
{
    current = &thread;
    cuda_on_cpu_switch(&scheduler_stack_pointer, thread.stack_pointer);
}
#endif

void fail(const char* format, ...)
{
    va_list values;
    va_start(values, format);
    describe(format, values);
    va_end(values);
    failed = true;
    to_scheduler();
    abort();
}

static void fiber()
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &scheduler_bottom, &scheduler_size);
#endif
    kernel(kernel_arguments);
    leave_block();
    to_scheduler();
    abort();
}

static void wait_for(const unsigned& generation)
{
    current->awaited = &generation;
    current->awaited_generation = generation;
    to_scheduler();
}

void block_barrier()
{
    if (!last_at_barrier()) wait_for(barrier_generation);
}

void warp_barrier(unsigned mask, Operation operation)
{
    if (!last_in_warp(mask, operation)) wait_for(current->warp->generation);
}

static uint64_t random_below(uint64_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % bound;
}

template <class T>
static void shuffle_order(std::vector<T>& order)
{
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_below(i)]);
}

static bool step(Thread& thread)
{
    if (thread.done) return false;
    if (thread.awaited && *thread.awaited == thread.awaited_generation) return false;
    thread.awaited = nullptr;
    to_thread(thread);
    return true;
}

static bool step_any_warp(std::vector<unsigned>& favourites)
{
    const size_t count = favourites.size();
    if (random_below(64) == 0)
        std::swap(favourites[random_below(count)], favourites[random_below(count)]);
    for (unsigned warp : favourites) {
        const unsigned first = warp * WARP;
        const unsigned lanes = std::min<unsigned>(WARP, threads.size() - first);
        const unsigned start = random_below(lanes);
        bool moved = false;
        for (unsigned i = 0; i < lanes && !failed; ++i)
            moved |= step(threads[first + (start + i) % lanes]);
        if (moved) return true;
    }
    return false;
}

static bool step_in_order()
{
    bool moved = false;
    for (Thread& thread : threads) {
        moved |= step(thread);
        if (failed) break;
    }
    return moved;
}

static void report_deadlock()
{
    unsigned in_block = 0, in_warp = 0;
    for (const Thread& thread : threads)
        if (!thread.done) ++(thread.awaited == &barrier_generation ? in_block : in_warp);
    snprintf(report, sizeof report,
             "block (%u, %u, %u): deadlock: %u threads wait in __syncthreads, %u in a warp "
             "operation, %u have exited",
             block_index.x, block_index.y, block_index.z, in_block, in_warp,
             (unsigned)threads.size() - in_block - in_warp);
    failed = true;
}

static void run_block()
{
    set_up_block();
    for (Thread& thread : threads) {
        thread.stack = stacks.data() + thread.number * STACK;
        thread.stack_pointer = fresh_stack(thread.stack, fiber);
    }
    std::vector<unsigned> favourites(warps.size());
    for (unsigned i = 0; i < favourites.size(); ++i) favourites[i] = i;
    if (random_state) shuffle_order(favourites);
    while (live && !failed)
        if (!(random_state ? step_any_warp(favourites) : step_in_order())) report_deadlock();
}

static bool run(uint64_t seed)
{
    failed = false;
    random_state = seed ? seed * 0x9E3779B97F4A7C15ull | 1 : 0;
    stacks.resize((size_t)block_extent.x * block_extent.y * block_extent.z * STACK);
    std::vector<uint3> blocks;
    for (unsigned z = 0; z < grid_extent.z; ++z)
        for (unsigned y = 0; y < grid_extent.y; ++y)
            for (unsigned x = 0; x < grid_extent.x; ++x) blocks.push_back({x, y, z});
    if (random_state) shuffle_order(blocks);
    for (const uint3& block : blocks) {
        block_index = block;
        run_block();
        if (failed) return false;
    }
    return true;
}

}  // namespace cuda_on_cpu
