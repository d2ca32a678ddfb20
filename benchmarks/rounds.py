"""Contestants timed in turns, so that a machine that slows down slows all of them."""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def interleaved(
    contestants: Mapping[Name, Callable[[], object]], rounds: int
) -> dict[Name, list[float]]:
    """Seconds of each contestant in every round."""
    seconds: dict[Name, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    return seconds
