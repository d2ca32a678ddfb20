"""Bytes of an image replaced by what a table has for them, on the CPU."""

import numpy as np
from jaxtyping import Float32, UInt8

SIGNATURE = "void(uint8[:,:,:], float32[:,::1], float32[:,:,::1])"


def byte_levels(
    image: UInt8[np.ndarray, "3 H W"],
    levels: Float32[np.ndarray, "3 256"],
    out: Float32[np.ndarray, "H W 3"],
) -> None:
    """Write the level of each byte of a channel, channels last."""
    for row in range(image.shape[1]):
        for channel in range(3):
            line = image[channel, row]
            for j in range(len(line)):
                out[row, j, channel] = levels[channel, line[j]]
