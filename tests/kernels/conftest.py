"""Where kernels run in these tests: on fibers of the CPU always, through CuPy with `-m gpu`."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cuda_on_cpu import CpuRunner  # noqa: E402
from place import Place, require_cuda  # noqa: E402

SEEDS = (0, 1, 2, 3)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "slow" not in config.option.markexpr:
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="runs only with -m slow"))


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def on_kernel(request: pytest.FixtureRequest) -> Place:
    """Run a function through its kernel: `on_kernel(region_errors, x, y, mask)`."""
    if request.param == "cuda":
        require_cuda()
        return Place("cuda", None)
    return Place("cpu", CpuRunner())


@pytest.fixture(
    params=[
        *(pytest.param(seed, id=f"schedule{seed}") for seed in SEEDS),
        pytest.param("cuda", marks=pytest.mark.gpu),
    ]
)
def any_schedule(request: pytest.FixtureRequest) -> Place:
    """As `on_kernel`, once for each order of blocks and warps."""
    if request.param == "cuda":
        require_cuda()
        return Place("cuda", None)
    return Place("cpu", CpuRunner(request.param))
