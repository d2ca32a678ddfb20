"""Every `__syncthreads()` is needed and tested: deleting any one of them must be noticed."""

import re

import pytest
import torch
from cases import CASES
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


def results(case, backend):
    with launch.using(backend):
        return case()


def differs(case, backend, expected):
    try:
        actual = results(case, backend)
    except KernelFault:
        return True
    return not all(torch.equal(a, e) for a, e in zip(actual, expected, strict=True))


@pytest.mark.parametrize(("name", "number"), MUTANTS)
def test_deleting_a_barrier_is_noticed(name, number):
    expected = results(CASES[name], CpuRunner())
    mutant = without_barrier(number)
    assert any(differs(CASES[name], CpuRunner(s, edit=mutant), expected) for s in range(8))
