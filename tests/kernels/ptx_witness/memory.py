"""Memory of a simulated device: global segments with gaps between them, shared memory per block."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

GAP = 4096


class Global:
    """Bytes of several buffers at addresses of their own; between them is out of bounds."""

    def __init__(self, buffers: Sequence[NDArray[np.uint8]]) -> None:
        self.buffers = buffers
        self.starts = []
        end = GAP
        for buffer in buffers:
            self.starts.append(end)
            end += -(-buffer.size // GAP) * GAP + GAP
        self.bytes = np.zeros(end, np.uint8)
        self.valid = np.zeros(end, bool)
        for start, buffer in zip(self.starts, buffers, strict=True):
            self.bytes[start : start + buffer.size] = buffer
            self.valid[start : start + buffer.size] = True

    def places(self, addresses: NDArray[np.int64], width: int) -> NDArray[np.int64]:
        """Index of each byte of an access, `(lanes, width)`; raises unless all of them exist."""
        index = _aligned(addresses, width)
        if (index < 0).any() or (index >= self.valid.size).any() or not self.valid[index].all():
            raise IndexError("global memory out of bounds")
        return index

    def copy_back(self) -> None:
        for start, buffer in zip(self.starts, self.buffers, strict=True):
            buffer[:] = self.bytes[start : start + buffer.size]


class Shared:
    """Shared memory of the blocks that run side by side, poisoned with 0xff."""

    def __init__(self, size: int, block_of_lane: NDArray[np.int64]) -> None:
        self.size = size
        self.block_of_lane = block_of_lane
        self.bytes = np.full((int(block_of_lane.max()) + 1) * max(size, 1), 0xFF, np.uint8)

    def places(
        self, addresses: NDArray[np.int64], width: int, lanes: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        index = _aligned(addresses, width)
        if (index < 0).any() or (index >= self.size).any():
            raise IndexError("shared memory out of bounds")
        return index + self.block_of_lane[lanes][:, None] * self.size


def _aligned(addresses: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    if (addresses % width).any():
        raise IndexError(f"access of {width} bytes is not aligned")
    return addresses[:, None] + np.arange(width)
