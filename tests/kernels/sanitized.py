"""Kernels under a sanitizer, in a process of its own: `sanitized.py KIND kernels|faults`.

The sanitizer's library must be loaded before Python starts, so the tests set LD_PRELOAD.
"""

import sys

import numpy as np
from cases import CASES, run_case
from cuda_on_cpu import CpuRunner, Library

from gpu_metrics.kernels import launch

FLAGS = {
    "address": ("-fsanitize=address,undefined", "-fsanitize-recover=all", "-O1"),
    "thread": ("-fsanitize=thread", "-DONE_OS_THREAD_EACH"),
}

# what a sanitizer must find, to be trusted when it finds nothing
FAULTS = {
    "address": (
        "out[threadIdx.x + 1] = 1;",
        "__shared__ double s[64]; s[threadIdx.x + 1] = 1; __syncthreads(); out[0] = s[0];",
        "int n = 100000 + threadIdx.x; out[0] = n * n;",
        "*(unsigned*)((char*)out + threadIdx.x) = 1;",
    ),
    "thread": ("__shared__ double s[64]; s[threadIdx.x] = 1; out[0] = s[threadIdx.x ^ 32];",),
}


def run_faults(kind: str) -> None:
    for body in FAULTS[kind]:
        text = f'extern "C" __global__ void probe(double* out)\n{{\n{body}\n}}\n'
        out = np.zeros(64)
        Library(text, "probe", FLAGS[kind]).launch((1,), (64,), [np.uintp(out.ctypes.data)])


def run_kernels(kind: str) -> None:
    for seed in (0, 1):
        with launch.using(CpuRunner(seed, flags=FLAGS[kind])):
            for name in CASES:
                run_case(name)


if __name__ == "__main__":
    kind, what = sys.argv[1:]
    {"kernels": run_kernels, "faults": run_faults}[what](kind)
    print("finished")
