"""The CPU runner itself: what it must notice in kernels that are wrong."""

import numpy as np
import pytest
from cuda_on_cpu import KernelFault, Library


def kernel(body, parameters="double* out"):
    return Library(f'extern "C" __global__ void probe({parameters})\n{{\n{body}\n}}\n', "probe")


def run(library, *values, blocks=1, threads=64, seed=0):
    values = [np.uintp(v.ctypes.data) if isinstance(v, np.ndarray) else v for v in values]
    library.launch((blocks,), (threads,), values, seed=seed)


def test_a_barrier_that_some_threads_miss_is_a_deadlock():
    divergent = kernel(
        "if (threadIdx.x < 16) __syncthreads(); else __shfl_down_sync(0xffffffffu, 1, 1);"
    )
    with pytest.raises(KernelFault, match="deadlock: 16 threads wait in __syncthreads"):
        run(divergent, np.zeros(1))


def test_threads_that_have_exited_do_not_hold_a_barrier():
    early = kernel("if (threadIdx.x > 20) return; __syncthreads(); out[threadIdx.x] = threadIdx.x;")
    out = np.zeros(64)
    run(early, out)
    assert out[:21].tolist() == list(range(21))


@pytest.mark.parametrize(
    ("body", "threads", "message"),
    [
        ("if (threadIdx.x > 20) return; __syncwarp();", 32, "have exited"),
        ("__syncwarp();", 48, "do not exist"),
        ("__syncwarp(0xfffffffe);", 32, "not in its own mask"),
        ("if (threadIdx.x == 0) __syncwarp(3); else __syncwarp();", 32, "meets"),
        ("out[0] = __shfl_xor_sync(0xffffu, 1, 16);", 16, "reads lane"),
        (
            "if (threadIdx.x < 16) __shfl_xor_sync(0xffffu, 1, 1);"
            "out[0] = __shfl_xor_sync(0xffffffffu, 1, 16);",
            32,
            "other shuffles",
        ),
    ],
)
def test_misuse_of_warp_operations_is_reported(body, threads, message):
    with pytest.raises(KernelFault, match=message):
        run(kernel(body), np.zeros(64), threads=threads)


def test_shared_memory_is_poisoned_before_each_block():
    stale = kernel(
        "__shared__ double kept[64]; if (blockIdx.x == 0) kept[threadIdx.x] = 1;"
        "__syncthreads(); out[blockIdx.x * 64 + threadIdx.x] = kept[threadIdx.x];"
    )
    out = np.zeros(128)
    run(stale, out, blocks=2)
    assert (out[:64] == 1).all() and np.isnan(out[64:]).all()


def test_shuffles_sum_a_warp_as_a_gpu_does():
    total = kernel(
        "int v = threadIdx.x; for (int d = 16; d; d /= 2) v += __shfl_down_sync(~0u, v, d);"
        "out[threadIdx.x] = v;"
    )
    out = np.zeros(32)
    run(total, out, threads=32)
    assert out[0] == sum(range(32))
    # lane 31 reads past the warp at every step and keeps its own value
    assert out[31] == 31 * 2**5


def test_ballot_collects_one_bit_per_lane():
    out = np.zeros(32)
    run(kernel("out[threadIdx.x] = __ballot_sync(~0u, threadIdx.x % 3 == 0);"), out, threads=32)
    assert (out == sum(1 << lane for lane in range(0, 32, 3))).all()


def test_schedules_differ_and_repeat():
    order = kernel(
        "out[atomicAdd(count, 1ull)] = blockIdx.x * blockDim.x + threadIdx.x;",
        "double* out, unsigned long long* count",
    )
    seen = []
    for seed in (0, 1, 1, 2):
        out, count = np.zeros(512), np.zeros(1, np.uint64)
        run(order, out, count, blocks=4, threads=128, seed=seed)
        assert sorted(out) == list(range(512))
        seen.append(out.tolist())
    assert seen[0] == list(range(512))
    assert seen[1] == seen[2] and seen[1] != seen[3] and seen[0] != seen[1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((1, np.float32(2), np.zeros(1)), "expected int32"),
        ((np.int64(1), np.float32(2), np.zeros(1)), "expected int32"),
        ((np.int32(1), 2.0, np.zeros(1)), "expected float32"),
        ((np.int32(1), np.float64(2), np.zeros(1)), "expected float32"),
        ((np.int32(1), np.float32(2)), "takes 3 arguments"),
    ],
)
def test_arguments_of_another_size_are_refused(values, message):
    typed = kernel("out[0] = n + f;", "int n, float f, double* out")
    with pytest.raises(TypeError, match=message):
        run(typed, *values)


def test_float_atomics_do_not_compile():
    with pytest.raises(SyntaxError, match="atomicAdd"):
        kernel("atomicAdd(out, 1.0);")


def test_products_and_sums_are_rounded_apart():
    # fused, the product keeps 2^-60; rounded first, it is lost
    out = np.array([1 + 2.0**-30, 0])
    run(kernel("out[1] = out[0] * out[0] - (1 + 0x1p-29);"), out, threads=1)
    assert out[1] == 0
