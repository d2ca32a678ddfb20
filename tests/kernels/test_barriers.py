"""Every `__syncthreads()` is needed and tested: deleting any one of them must be noticed."""

import re

import pytest
from cases import equal, run_case
from cuda_on_cpu import CpuRunner, KernelFault

from gpu_metrics.kernels import launch
from gpu_metrics.kernels.sources import kernel_names, source

BARRIER = re.compile(r"__syncthreads\(\);")
MUTANTS = [(name, i) for name in kernel_names() for i in range(len(BARRIER.findall(source(name))))]


def without_barrier(number):
    def edit(text):
        barrier = list(BARRIER.finditer(text))[number]
        return text[: barrier.start()] + ";" + text[barrier.end() :]

    return edit


def differs(name, backend, expected):
    try:
        with launch.using(backend):
            return not equal(run_case(name), expected)
    except KernelFault:
        return True


@pytest.mark.parametrize(("name", "number"), MUTANTS)
def test_deleting_a_barrier_is_noticed(name, number):
    expected = run_case(name)
    mutant = without_barrier(number)
    assert any(differs(name, CpuRunner(seed, edit=mutant), expected) for seed in range(8))
