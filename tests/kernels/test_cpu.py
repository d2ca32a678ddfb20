"""Kernels compiled for the CPU: tiles, threads, and where machine code is kept."""

import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numba
import pytest
import torch
from numba.core.caching import IndexDataCacheFile
from pictures import all_regions, interleaved, noise, pair
from place import Place

from gpu_metrics.kernels.compiled import build
from gpu_metrics.kernels.delta_e import delta_e, delta_e_reference
from gpu_metrics.kernels.lpips_pool import lpips_pool, lpips_pool_reference
from gpu_metrics.kernels.region_errors import region_errors, region_errors_reference
from gpu_metrics.kernels.ssim_binomial import ssim_binomial, ssim_binomial_reference
from gpu_metrics.kernels.ssim_gaussian import ssim_gaussian, ssim_gaussian_reference

ON_IMAGES = {
    "region_errors": (region_errors, region_errors_reference),
    "cie76": tuple(partial(f, formula="cie76") for f in (delta_e, delta_e_reference)),
    "ciede2000": (delta_e, delta_e_reference),
    "ssim_binomial": (ssim_binomial, ssim_binomial_reference),
    "ssim_gaussian": (ssim_gaussian, ssim_gaussian_reference),
    "ssim_gaussian, luma": tuple(
        partial(f, color="luma") for f in (ssim_gaussian, ssim_gaussian_reference)
    ),
}


def compiled(function, *arguments, threads=1):
    return Place("cpu", None, threads=threads)(function, *arguments)


def same_bits(actual, expected):
    return all(torch.equal(a, e) for a, e in zip(actual, expected, strict=True))


# a tile has 256 columns, to which windows add 4 or 10
@pytest.mark.parametrize("width", [255, 256, 257, 260, 266, 267, 523])
@pytest.mark.parametrize("name", ON_IMAGES)
def test_every_column_of_every_tile_counts_once(name, width):
    kernel, twin = ON_IMAGES[name]
    (x, y), mask = pair(1, 13, width), all_regions(1, 13, width)
    assert same_bits(compiled(kernel, x, interleaved(y), mask), twin(x, y, mask))


# a thread takes 32 rows or more
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("height", [63, 64, 74, 131])
@pytest.mark.parametrize("name", ON_IMAGES)
def test_threads_share_an_image_without_moving_a_bit(name, height, threads):
    kernel, twin = ON_IMAGES[name]
    x, y, mask = (
        noise(2, height, 40, seed=1),
        noise(2, height, 40, seed=2),
        all_regions(2, height, 40),
    )
    assert same_bits(compiled(kernel, x, y, mask, threads=threads), twin(x, y, mask))


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_threads_share_the_positions_of_a_layer(threads):
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 2, 13, 41, 37, generator=generator).relu()
    heads = torch.rand(13, generator=generator)
    weights = torch.rand(2, 3, 41, 37, generator=generator).double() / (41 * 37)
    actual = compiled(lpips_pool, x, y, heads, weights, threads=threads)
    assert torch.equal(actual, lpips_pool_reference(x, y, heads, weights))


@pytest.mark.parametrize("name", ON_IMAGES)
def test_many_callers_at_once_get_the_same_bits(name):
    kernel, twin = ON_IMAGES[name]
    images = [(*pair(1, 70, 90, seed=s), all_regions(1, 70, 90)) for s in range(8)]
    with ThreadPoolExecutor(4) as callers:
        actual = list(callers.map(lambda image: compiled(kernel, *image, threads=2), images))
    assert all(same_bits(a, twin(*image)) for a, image in zip(actual, images, strict=True))


LAYOUTS = {
    "planar": torch.Tensor.contiguous,
    "interleaved": interleaved,
    "turned": lambda image: image.mT.contiguous().mT,
    "of four channels": lambda image: interleaved(torch.cat([image, image[:, :1]], 1))[:, :3],
    "every other column": lambda image: image.repeat_interleave(2, -1)[..., ::2],
}
WINDOWS = {
    "whole": (...,),
    "crop": (..., slice(3, 50), slice(5, 61)),
    "rows": (..., slice(7, 20), slice(None)),
    "column": (..., slice(6, 7)),
}


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["region_errors", "ssim_binomial"])
def test_bytes_may_lie_in_any_way(name, layout, window):
    kernel, twin = ON_IMAGES[name]
    (x, y), mask = pair(2, 60, 70), all_regions(2, 60, 70)
    shown = [t[WINDOWS[window]] for t in (LAYOUTS[layout](x), interleaved(y), mask)]
    expected = twin(*(t[WINDOWS[window]].contiguous() for t in (x, y, mask)))
    assert same_bits(compiled(kernel, *shown), expected)


def test_products_and_sums_are_rounded_apart():
    # fused, the product keeps 2^-60; rounded first, it is lost
    apart = build.part(lambda a, b: a * a - b)
    assert apart(1 + 2.0**-30, 1 + 2.0**-29) == 0


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """Builds kernels anew, with machine code kept in a folder of its own."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return build.kernel.__wrapped__


def hits(kernel):
    return sum(kernel.stats.cache_hits.values())


def test_machine_code_is_kept_until_any_source_changes(fresh, monkeypatch):
    assert hits(fresh("byte_levels")) == 0
    assert hits(fresh("byte_levels")) == 1
    monkeypatch.setattr(build, "_digest", lambda: "of other sources")
    assert hits(fresh("byte_levels")) == 0


def test_a_disk_without_room_costs_no_more_than_the_kept_code(fresh, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "save", refuse)
    image, levels = noise(1, 3, 5)[0].numpy(), torch.rand(3, 256).numpy()
    out = torch.empty(3, 5, 3).numpy()
    fresh("byte_levels")(image, levels, out)
    expected = torch.tensor([[levels[c, v] for v in image[c].flat] for c in range(3)])
    assert torch.equal(torch.from_numpy(out).movedim(-1, 0).flatten(1), expected)


def run(code, **environment):
    """The last line that a Python process of its own prints."""
    here = {"PYTHONPATH": str(Path(__file__).parent), "PATH": "/usr/bin:/bin", **environment}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, env=here, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[-2]


SCORE = """
    import torch
    from gpu_metrics.kernels.region_errors import region_errors
    x = torch.full((1, 3, 4, 5), 7, dtype=torch.uint8)
    mask = torch.ones(1, 1, 4, 5, dtype=torch.bool)
    print(region_errors(x, x + 2, mask, lab=False).squared.tolist())
"""


def test_no_home_and_no_folder_to_write_break_nothing():
    # nothing can be made below a device
    nowhere = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}
    assert run(SCORE, NUMBA_CACHE_DIR="/dev/null/kept", **nowhere) == "[[[80, 80, 80]]]"


def test_metrics_are_imported_without_numba():
    code = "import sys, gpu_metrics.metrics; print('numba' in sys.modules)"
    assert run(code) == "False"


def test_a_forked_process_starts_threads_of_its_own():
    code = """
        import multiprocessing, torch
        from pictures import noise, region
        from gpu_metrics.kernels.ssim_binomial import ssim_binomial

        torch.set_num_threads(2)
        images = noise(1, 80, 80, seed=1), noise(1, 80, 80, seed=2), region("random", 1, 80, 80)

        def steps(_):
            torch.set_num_threads(2)
            return ssim_binomial(*images).steps.item()

        here = steps(0)
        with multiprocessing.get_context("fork").Pool(2) as processes:
            print(processes.map(steps, range(2)) == [here, here])
    """
    assert run(code) == "True"
