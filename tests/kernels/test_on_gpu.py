"""What only hardware can show: the same bits again and again, on any stream, with memory full."""

import sys

import pytest
import torch
from cases import CASES, equal, run_case
from cuda_on_cpu import CpuRunner
from pictures import all_regions, pair
from place import require_cuda

from gpu_metrics.kernels import launch
from gpu_metrics.kernels.delta_e import delta_e
from gpu_metrics.kernels.region_errors import region_errors
from gpu_metrics.kernels.ssim_binomial import ssim_binomial
from gpu_metrics.kernels.ssim_gaussian import ssim_gaussian

pytestmark = pytest.mark.gpu

ON_IMAGES = [region_errors, delta_e, ssim_binomial, ssim_gaussian]


@pytest.fixture(autouse=True)
def cuda():
    require_cuda()


def on_gpu(name):
    with launch.recorded() as paths:
        result = run_case(name, "cuda")
    assert all(path.startswith("kernel on sm_") for path in paths[name]), paths
    return result


@pytest.mark.parametrize("name", CASES)
def test_bits_are_those_of_the_cpu_run(name):
    with launch.using(CpuRunner()):
        expected = run_case(name)
    assert equal(on_gpu(name), expected)


@pytest.mark.parametrize("name", CASES)
def test_twin_on_the_gpu_gives_the_bits_of_the_twin_on_the_cpu(name):
    twin = getattr(sys.modules[f"gpu_metrics.kernels.{name}"], f"{name}_reference")
    for call in CASES[name]():
        expected = twin(*call.arguments, **call.options)
        actual = twin(*(a.cuda() for a in call.arguments), **call.options)
        assert equal(parts(actual), parts(expected))


def parts(result):
    return [t.cpu() for t in ([result] if isinstance(result, torch.Tensor) else result)]


@pytest.mark.parametrize("name", CASES)
def test_two_hundred_repeats_give_the_same_bits(name):
    first = on_gpu(name)
    assert all(equal(on_gpu(name), first) for _ in range(199))


def batch_of(count):
    return [t.cuda() for t in (*pair(count, 97, 131), all_regions(count, 97, 131))]


@pytest.mark.parametrize("function", ON_IMAGES)
def test_batches_of_1_to_64_and_any_order_give_the_same_bits(function):
    images = batch_of(64)
    together = function(*images)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0)).cuda()
    permuted = function(*(t[order] for t in images))
    assert equal(list(permuted), [sums[order] for sums in together])
    for size in (1, 2, 3, 7, 16, 33, 64):
        parts = [function(*(t[i : i + size] for t in images)) for i in range(0, 64, size)]
        assert equal([torch.cat(p) for p in zip(*parts, strict=True)], list(together))


@pytest.mark.parametrize("function", ON_IMAGES)
def test_kernels_wait_for_their_stream_and_not_for_others(function):
    x, y, mask = batch_of(2)
    expected = function(x, y, mask)
    torch.cuda.synchronize()
    late = torch.zeros_like(x)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        # a kernel on another stream would read zeros
        torch.cuda._sleep(200_000_000)
        late.copy_(x)
        actual = function(late, y, mask)
        stream.synchronize()
    assert equal(list(actual), list(expected))


@pytest.mark.parametrize("function", ON_IMAGES)
def test_wrappers_never_synchronise(function):
    images = batch_of(2)
    function(*images)
    torch.cuda.set_sync_debug_mode("error")
    try:
        function(*images)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("function", ON_IMAGES)
def test_full_memory_changes_no_bit(function):
    images = batch_of(8)
    expected = function(*images)
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    hoard = torch.empty(free - (32 << 20), dtype=torch.uint8, device="cuda")
    try:
        assert equal(list(function(*images)), list(expected))
    finally:
        del hoard
        torch.cuda.empty_cache()


def test_offsets_beyond_32_bits_are_reached():
    gap = 2**32 + 4096
    storage = torch.zeros(gap + 2**20, dtype=torch.uint8, device="cuda")
    x, y, mask = batch_of(2)
    apart = storage.as_strided(x.shape, (gap, *x.stride()[1:]))
    apart.copy_(x)
    assert equal(list(region_errors(apart, y, mask)), list(region_errors(x, y, mask)))


@pytest.mark.parametrize("function", ON_IMAGES)
def test_crops_and_broadcasts_on_the_device_are_read_where_they_lie(function):
    x, y, mask = batch_of(3)
    window = (..., slice(3, 90), slice(5, 120))
    views = x[window], y[:1].expand(3, -1, -1, -1)[window], mask[:1].expand(3, -1, -1, -1)[window]
    copies = (view.clone(memory_format=torch.contiguous_format) for view in views)
    assert equal(list(function(*views)), list(function(*copies)))
