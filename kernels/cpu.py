"""Compiled kernels over the images of a batch, split over as many threads as torch may use."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int64, UInt8
from torch import Tensor

# rows or positions that are worth another thread
_LEAST = 32


def image_sums(
    name: str,
    x: UInt8[Tensor, "B 3 H W"],
    y: UInt8[Tensor, "B 3 H W"],
    mask: Bool[Tensor, "B R H W"],
    *options: Any,
    columns: int,
    margin: int = 0,
) -> Int64[Tensor, "B R columns"]:
    """Sums of the compiled kernel `name` over the regions of each image, in any memory layout.

    Args:
        name: File and function in `gpu_metrics.kernels.compiled`.
        x, y, mask: As for `region_errors`.
        options: Numbers and tables that the kernel takes after its sums.
        columns: Number of sums per region.
        margin: Rows at the top and at the bottom that are no center of a window.
    """
    kernel = compiled(name)
    regions_as_bytes = mask.view(torch.uint8).numpy()
    images = [
        (*_bytes(u), *_bytes(v), inside)
        for u, v, inside in zip(x, y, regions_as_bytes, strict=True)
    ]
    batch, regions, height, _ = mask.shape

    def work(image: int, first: int, last: int, sums: Any) -> None:
        kernel(*images[image], first, last, sums, *options)

    return in_parts(work, batch, height - 2 * margin, (regions, columns))


def in_parts(
    work: Callable[[int, int, int, Any], None], batch: int, length: int, shape: tuple[int, int]
) -> Int64[Tensor, "B R columns"]:
    """Integer sums of each image, from parts of its `length` that run side by side.

    `work(image, first, last, sums)` adds to its own sums, so neither the number of parts nor
    their order can move a bit. On one thread everything runs where it is called.
    """
    parts = max(1, min(torch.get_num_threads(), length // _LEAST))
    sums = np.zeros((batch, parts, *shape), np.int64)
    edges = [length * k // parts for k in range(parts + 1)]

    def column(part: int) -> None:
        first, last = edges[part : part + 2]
        for image in range(batch):
            work(image, first, last, sums[image, part])

    others = [_threads(parts - 1).submit(column, part) for part in range(1, parts)]
    column(0)
    for other in others:
        other.result()
    return torch.from_numpy(sums.sum(axis=1))


def compiled(name: str) -> Callable[..., None]:
    """The compiled kernel `name`; Numba is loaded when the first is wanted."""
    kernel: Callable[..., None] = import_module("gpu_metrics.kernels.compiled.build").kernel(name)
    return kernel


def _bytes(image: UInt8[Tensor, "3 H W"]) -> tuple[Any, tuple[int, int, int]]:
    """All bytes that an image spans, in a row, and the strides of its channels, rows and pixels.

    Planar and interleaved images and crops of them stay in place; others are copied.
    """
    channel, row, pixel = image.stride()
    # torch leaves the stride of a single column undefined
    if image.shape[2] == 1:
        pixel = 1
    if pixel != 1 and (channel, pixel) != (1, 3):
        return _bytes(image.contiguous())
    last = sum(s * (n - 1) for s, n in zip((channel, row, pixel), image.shape, strict=True))
    return image.as_strided((last + 1,), (1,)).numpy(), (channel, row, pixel)


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="gpu-metrics-kernel")


if hasattr(os, "register_at_fork"):
    # a forked process has none of its parent's threads
    os.register_at_fork(after_in_child=_threads.cache_clear)
