from pathlib import Path

import numpy as np
import pytest
import torch
from cuda_on_cpu import CpuRunner
from pictures import noise, region

from gpu_metrics.errors import EngineError, InputError
from gpu_metrics.kernels import launch
from gpu_metrics.kernels.region_errors import region_errors
from gpu_metrics.kernels.sources import kernel_names, signature


class Recorder:
    """A backend that notes what reaches it."""

    def refusal(self, device):
        return None

    def label(self, device):
        return "kernel of the recorder"

    def run(self, name, grid, block, arguments, device):
        self.call = (name, grid, block, arguments, device)


@pytest.fixture
def recorder(monkeypatch):
    declared = signature("region_errors")[5:8]
    monkeypatch.setattr(launch, "signature", lambda name: declared)
    backend = Recorder()
    with launch.using(backend):
        yield backend


def test_numbers_take_the_types_the_kernel_declares(recorder):
    sums = torch.zeros(1, dtype=torch.int64)
    launch.launch("region_errors", (3, 2), (256,), sums, 2**40, 7)
    name, grid, block, (pointer, pixels, regions), device = recorder.call
    assert (name, grid, block, device) == ("region_errors", (3, 2), (256,), sums.device)
    assert launch.address(pointer) == np.uintp(sums.data_ptr())
    assert (pixels, type(pixels)) == (2**40, np.int64)
    assert (regions, type(regions)) == (7, np.int32)


SUMS = torch.zeros(1, dtype=torch.int64)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SUMS, 5), "expected 3 arguments, got 2"),
        ((SUMS.int(), 5, 7), "argument sums: expected unsigned long long elements"),
        ((SUMS, 5.5, 7), "argument pixels: expected an integer, got 5.5"),
        ((SUMS, SUMS, 7), "argument pixels: expected a number"),
        ((5, SUMS, 7), "argument sums: expected a tensor"),
        ((SUMS, 5, 2**31), "argument regions: 2147483648 does not fit"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(recorder, arguments, message):
    with pytest.raises(InputError, match=message):
        launch.launch("region_errors", (1,), (32,), *arguments)


def test_a_grid_that_no_device_has_is_refused(recorder):
    with pytest.raises(InputError, match="split the batch"):
        launch.launch("region_errors", (1, 70_000), (32,), SUMS, 5, 7)


def arguments():
    return noise(1, 8, 8), noise(1, 8, 8, seed=1), region("row", 1, 8, 8)


def test_the_path_taken_is_recorded():
    with launch.recorded() as paths:
        region_errors(*arguments())
        with launch.using(CpuRunner()):
            region_errors(*arguments())
    assert paths == {"region_errors": {"compiled for the CPU", "kernel on a simulated device"}}


def test_the_path_of_a_device_can_be_asked_for():
    cpu = torch.device("cpu")
    assert launch.path(cpu) == "compiled for the CPU"
    with launch.using(CpuRunner()):
        assert launch.path(cpu) == "kernel on a simulated device"


def test_records_of_two_listeners_do_not_mix():
    with launch.recorded() as outer:
        with launch.recorded() as inner:
            region_errors(*arguments())
        assert not outer
    assert inner


def test_tensors_that_need_gradients_take_the_twin():
    x = torch.zeros(2, requires_grad=True)
    with launch.using(CpuRunner()), launch.recorded() as paths:
        assert launch.server("region_errors", x) == "twin"
        with torch.no_grad():
            assert launch.server("region_errors", x) == "kernel"
    assert "twin: gradients are needed" in paths["region_errors"]


def test_without_cupy_a_cuda_tensor_would_take_the_twin(monkeypatch):
    monkeypatch.setattr(launch, "cupy", None)
    assert launch.Cuda().refusal(torch.device("cuda", 0)) == "CuPy is not installed"


def test_a_tensor_on_another_device_is_refused(recorder, monkeypatch):
    declared = signature("region_errors")[5:6] * 2
    monkeypatch.setattr(launch, "signature", lambda name: declared)
    with pytest.raises(InputError, match="on cpu, got one on meta"):
        launch.launch("region_errors", (1,), (32,), SUMS, SUMS.to("meta"))


class StandInCupy:
    """As much of CuPy as the launcher touches, noting the order of things."""

    def __init__(self):
        self.events = []
        stand_in = self

        class Held:
            def __init__(self, *what):
                self.what = what

            def __enter__(self):
                stand_in.events.append(("enter", *self.what))

            def __exit__(self, *_):
                stand_in.events.append(("leave", *self.what))

        class Stream:
            @staticmethod
            def from_external(stream):
                return Held("stream", *stream.__cuda_stream__())

        class Cuda:
            @staticmethod
            def Device(index):
                return Held("device", index)

        self.cuda = Cuda
        self.cuda.Stream = Stream

    def RawModule(self, *, path):
        assert Path(path).read_bytes().startswith(b"\x7fELF")
        return self

    def get_function(self, name):
        return lambda grid, block, values: self.events.append((name, grid, block, values))


@pytest.fixture
def stand_in(monkeypatch):
    class Stream:
        cuda_stream = 4321

    cupy = StandInCupy()
    monkeypatch.setattr(launch, "cupy", cupy)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: (9, 0))
    launch._function.cache_clear()
    launch._architecture.cache_clear()
    yield cupy
    launch._function.cache_clear()
    launch._architecture.cache_clear()


def test_cupy_launches_on_the_stream_of_torch(stand_in):
    backend = launch.Cuda()
    device = torch.device("cuda", 1)

    assert backend.refusal(device) is None and backend.label(device) == "kernel on sm_90"
    backend.run("region_errors", (3,), (256,), [SUMS, np.int32(7)], device)

    assert stand_in.events == [
        ("enter", "device", 1),
        ("enter", "stream", 0, 4321),
        ("region_errors", (3,), (256,), (np.uintp(SUMS.data_ptr()), np.int32(7))),
        ("leave", "stream", 0, 4321),
        ("leave", "device", 1),
    ]


def test_a_gpu_older_than_the_compiler_takes_the_twin(stand_in, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: (7, 0))
    assert launch.path(torch.device("cuda", 1)) == "twin: sm_70 is older than sm_75"


def test_an_error_of_the_driver_becomes_one_of_the_engine(stand_in):
    class CUDADriverError(RuntimeError):
        pass

    def refuse(name):
        raise CUDADriverError("CUDA_ERROR_INVALID_IMAGE")

    stand_in.get_function = refuse
    stand_in.cuda.driver = stand_in.cuda.runtime = stand_in
    stand_in.CUDADriverError = stand_in.CUDARuntimeError = CUDADriverError
    with pytest.raises(EngineError, match="region_errors cannot run on cuda:1: CUDA_ERROR"):
        launch.Cuda().run("region_errors", (3,), (256,), [], torch.device("cuda", 1))


@pytest.mark.parametrize("name", kernel_names())
def test_the_compiler_agrees_with_the_declared_types(name):
    from cuda_on_cpu import Library

    from gpu_metrics.kernels.sources import source

    words = {
        "unsigned char": "uint8",
        "int": "int32",
        "long long": "int64",
        "unsigned long long": "uint64",
        "float": "float32",
        "double": "float64",
    }
    declared = tuple(words[p.ctype] + "*" * p.pointer for p in signature(name))
    assert declared == Library(source(name), name).types
