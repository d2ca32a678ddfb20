"""NVRTC's PTX, interpreted, gives the bits that the host compiler gives."""

import numpy as np
import pytest
from cases import equal, run_case
from cuda_on_cpu import CpuRunner
from ptx_witness import PtxFault, PtxRunner
from ptx_witness.machine import Machine
from ptx_witness.memory import Global
from ptx_witness.program import parse

from gpu_metrics.kernels import launch, nvrtc
from gpu_metrics.kernels.sources import kernel_names


@pytest.mark.parametrize("name", kernel_names())
def test_interpreted_ptx_gives_the_bits_of_the_cpu_run(name):
    with launch.using(CpuRunner()):
        expected = run_case(name)
    with launch.using(PtxRunner()), launch.recorded() as paths:
        actual = run_case(name)
    assert paths[name] == {"kernel as interpreted PTX"}
    assert equal(actual, expected)


def interpret(body, out, threads=32):
    text = f'extern "C" __global__ void probe(double* out)\n{{\n{body}\n}}\n'
    program = parse(nvrtc.compile_text(text, "probe.cu", 90).ptx, "probe")
    memory = Global([out.view(np.uint8)])
    parameters = {program.parameters[0]: np.uint64(memory.starts[0])}
    Machine(program, (1, 1, 1), (threads, 1, 1), np.arange(1), parameters, memory).run()
    memory.copy_back()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("out[threadIdx.x + 1] = 1;", "out of bounds"),
        ("__shared__ double s[32]; s[threadIdx.x * (int)out[0]] = 1; out[1] = s[0];", "shared"),
        ("*(double*)((char*)out + 4) = 1;", "aligned"),
        ("if (threadIdx.x < 9) out[0] = __shfl_down_sync(~0u, out[0], 1);", "not there"),
        ("out[0] = fma(out[0], out[1], out[2]);", "fma"),
        ("atomicAdd(out, 1.0);", "atomics"),
    ],
)
def test_what_hardware_forbids_is_a_fault(body, message):
    with pytest.raises(PtxFault, match=message):
        interpret(body, np.full(32, 2.0))
