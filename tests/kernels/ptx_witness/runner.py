"""The interpreter in the place of CuPy: NVRTC's PTX, with the flags of production."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from gpu_metrics.kernels import nvrtc
from ptx_witness.machine import Machine
from ptx_witness.memory import Global
from ptx_witness.program import Program, parse

ARCHITECTURE = 90
# lanes that run side by side: enough to keep NumPy busy, little enough for its memory
LANES = 16_384


class PtxRunner:
    """A backend of `gpu_metrics.kernels.launch` that interprets PTX on CPU tensors."""

    def refusal(self, device: torch.device) -> str | None:
        return None if device.type == "cpu" else f"device is {device.type}"

    def label(self, device: torch.device) -> str:
        return "kernel as interpreted PTX"

    def run(
        self,
        name: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        arguments: Sequence[np.generic | Tensor],
        device: torch.device,
    ) -> None:
        program = _program(name)
        storages = {
            a.untyped_storage().data_ptr(): np.frombuffer(_bytes(a), np.uint8)
            for a in arguments
            if isinstance(a, Tensor)
        }
        memory = Global(list(storages.values()))
        starts = dict(zip(storages, memory.starts, strict=True))
        values = [_value(a, starts) for a in arguments]
        parameters = dict(zip(program.parameters, values, strict=True))
        grid, block = (grid + (1, 1))[:3], (block + (1, 1))[:3]
        per_run = max(1, LANES // int(np.prod(block)))
        for first in range(0, int(np.prod(grid)), per_run):
            blocks = np.arange(first, min(first + per_run, int(np.prod(grid))))
            Machine(program, grid, block, blocks, parameters, memory).run()
        memory.copy_back()


@cache
def _program(name: str) -> Program:
    return parse(nvrtc.compile_kernel(name, ARCHITECTURE).ptx, name)


def _bytes(tensor: Tensor) -> memoryview:
    return memoryview(torch.tensor([], dtype=torch.uint8).set_(tensor.untyped_storage()).numpy())


def _value(argument: np.generic | Tensor, starts: dict[int, int]) -> np.generic:
    if isinstance(argument, Tensor):
        start = argument.untyped_storage().data_ptr()
        return np.uint64(starts[start] + argument.data_ptr() - start)
    return argument
