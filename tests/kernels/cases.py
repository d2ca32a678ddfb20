"""One small call per kernel, for tests that treat all kernels alike."""

from collections.abc import Callable

from pictures import all_regions, interleaved, noise, region
from torch import Tensor

from gpu_metrics.kernels.region_errors import region_errors

Case = Callable[[], tuple[Tensor, ...]]


def _region_errors() -> tuple[Tensor, ...]:
    # odd rows for the slow loads, several blocks, more regions than one block serves
    x, y = noise(2, 37, 53, seed=1), interleaved(noise(2, 37, 53, seed=2))
    small = region_errors(x, y, all_regions(2, 37, 53))
    x, y = noise(1, 72, 64, seed=3), interleaved(noise(1, 72, 64, seed=4))
    return *small, *region_errors(x, y, region("random", 1, 72, 64))


CASES: dict[str, Case] = {
    "region_errors": _region_errors,
}
