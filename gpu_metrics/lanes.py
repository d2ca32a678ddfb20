"""Threads that each take one image at a time, and the stream of what they make of many."""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

_starting = threading.Lock()


def lanes(count: int) -> ThreadPoolExecutor:
    """`count` threads in which torch's operations stay on the thread that calls them.

    A convolution on several threads adds up in another order than on one. With an image to each
    lane all cores are busy, and no digit depends on how many there are. The host's own threads
    keep their setting.
    """
    pool = ThreadPoolExecutor(count, thread_name_prefix="lane")
    with _starting:
        before = torch.get_num_threads()
        started = threading.Barrier(count + 1)
        waiting = [pool.submit(_stay_alone, started) for _ in range(count)]
        started.wait()
        for future in waiting:
            future.result()
        torch.set_num_threads(before)
    return pool


def ahead(
    pool: ThreadPoolExecutor,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    most: int,
) -> Generator[Result, None, None]:
    """`function` of each item in order, computed by `pool` at most `most` items ahead.

    Several callers of one pool take turns, since none has more than `most` items in its queue.
    When the caller stops early and closes the stream, what was not begun is dropped and what was
    is waited for.
    """
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(copy_context().run, function, item))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        wait([future for future in waiting if not future.cancel()])


def _stay_alone(started: threading.Barrier) -> None:
    torch.set_num_threads(1)
    # asked for once, a thread keeps its number when another one is set for the process
    torch.get_num_threads()
    started.wait()


if hasattr(os, "register_at_fork"):
    # torch's threads end at a fork, too, and whoever shares work with them waits for ever
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
