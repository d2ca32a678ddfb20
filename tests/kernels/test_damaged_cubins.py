"""Compiled kernels that were damaged on the disk are compiled once more, and only once."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from gpu_metrics.errors import EngineError
from gpu_metrics.kernels import cubins, launch

NAME = "region_errors"
DEVICE = torch.device("cuda", 0)


class DriverError(RuntimeError):
    """As CuPy raises what the driver says."""


class Driver:
    """As much of CuPy as loads a kernel; `broken` refuses whole files, too."""

    def __init__(self):
        self.loaded = []
        self.broken = False
        kinds = {"CUDADriverError": DriverError, "CUDARuntimeError": DriverError}
        self.cuda = SimpleNamespace(
            driver=SimpleNamespace(**kinds),
            runtime=SimpleNamespace(**kinds),
            Device=lambda index: nullcontext(),
            Stream=SimpleNamespace(from_external=lambda stream: nullcontext()),
        )

    def RawModule(self, *, path):
        self.loaded.append(Path(path))
        if self.broken or Path(path).read_bytes()[:4] != b"\x7fELF":
            raise DriverError("CUDA_ERROR_INVALID_IMAGE: device kernel image is invalid")
        return SimpleNamespace(get_function=lambda name: lambda grid, block, values: None)


@pytest.fixture
def driver(tmp_path, monkeypatch):
    monkeypatch.setenv("GPU_METRICS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GPU_METRICS_CUBINS", raising=False)
    monkeypatch.setattr(launch, "cupy", driver := Driver())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(cuda_stream=0))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: (9, 0))
    caches = (launch._function, launch._architecture, cubins._cache_folder)
    for cached in caches:
        cached.cache_clear()
    yield driver
    for cached in caches:
        cached.cache_clear()


def run():
    launch.Cuda().run(NAME, (1,), (32,), [], DEVICE)


def test_line_65_a_damaged_file_of_the_cache_is_replaced(driver):
    file = cubins.cubin(NAME, 90)
    whole = file.read_bytes()
    file.write_bytes(b"no cubin at all")
    run()
    run()
    assert driver.loaded == [file, file]
    assert file.read_bytes() == whole


def test_line_65_a_damaged_file_that_was_shipped_is_left_alone(driver, tmp_path, monkeypatch):
    shipped = cubins.write_cubin(NAME, 90, tmp_path / "shipped")
    shipped.write_bytes(b"")
    monkeypatch.setenv("GPU_METRICS_CUBINS", str(shipped.parent))
    run()
    assert driver.loaded[0] == shipped and driver.loaded[1].is_relative_to(tmp_path / "cache")
    assert shipped.read_bytes() == b""


def test_line_65_a_driver_that_refuses_it_again_is_the_engines_fault(driver):
    driver.broken = True
    with pytest.raises(EngineError, match="region_errors cannot run on cuda:0: CUDA_ERROR_INVALID"):
        run()
    assert len(driver.loaded) == 2
