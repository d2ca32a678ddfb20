"""Where kernels run in these tests: simulated and compiled on the CPU; with `-m gpu` on CUDA."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cuda_on_cpu import CpuRunner  # noqa: E402
from place import Place, require_cuda  # noqa: E402

SEEDS = (0, 1, 2, 3)
THREADS = (1, 3)

CUDA = pytest.param(("cuda", None), id="cuda", marks=pytest.mark.gpu)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "slow" not in config.option.markexpr:
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="runs only with -m slow"))


def place(kind: str, number: int | None) -> Place:
    if kind == "simulated":
        return Place("cpu", CpuRunner(number))
    if kind == "compiled":
        return Place("cpu", None, threads=number)
    require_cuda()
    return Place("cuda", None)


@pytest.fixture(
    params=[
        pytest.param(("simulated", 0), id="cpu"),
        pytest.param(("compiled", 1), id="compiled"),
        CUDA,
    ]
)
def on_kernel(request: pytest.FixtureRequest) -> Place:
    """Run a function through its kernel: `on_kernel(region_errors, x, y, mask)`."""
    return place(*request.param)


@pytest.fixture(
    params=[
        *(pytest.param(("simulated", seed), id=f"schedule{seed}") for seed in SEEDS),
        *(pytest.param(("compiled", count), id=f"compiled{count}") for count in THREADS),
        CUDA,
    ]
)
def any_schedule(request: pytest.FixtureRequest) -> Place:
    """As `on_kernel`, once for each order of blocks and warps, or number of threads."""
    return place(*request.param)
