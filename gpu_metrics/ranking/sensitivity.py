"""How the final order changes with the numbers that the rules chose."""

from dataclasses import dataclass

import numpy as np

from gpu_metrics.ranking.arrays import Array
from gpu_metrics.ranking.bootstrap import Values
from gpu_metrics.ranking.composition import compute
from gpu_metrics.ranking.entries import Entries, needs

STEPS = 200
# halvings of a step, after which doubles cannot tell its ends apart
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Swap:
    """Where two teams change places: going away from the rules' value, `rises` passes `falls`.

    `place` is the better of the two places that they exchange.
    """

    at: float
    rises: str
    falls: str
    place: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a constant does to the order between `low` and `high`, swaps nearest to `value` first.

    `used` is False where nothing that ranks depends on it, since a number was given in its place.
    """

    constant: str
    low: float
    value: float
    high: float
    swaps: tuple[Swap, ...]
    used: bool


def sweeps(entries: Entries) -> list[Sweep]:
    """Every constant of the contest, over its range and all else as it is.

    Swaps are found on a grid of 200 steps to either side, and within a step exactly; two teams
    that pass each other twice in one step are not seen.
    """
    needed = needs(entries.contest, entries.tables)
    found = []
    for name, constant in entries.contest.constants.items():
        swaps = [
            swap
            for end in (constant.low, constant.high)
            if name in needed and end != constant.value
            for swap in _swaps(entries, name, np.linspace(constant.value, end, STEPS + 1))
        ]
        swaps.sort(key=lambda swap: abs(swap.at - constant.value))
        found.append(
            Sweep(name, constant.low, constant.value, constant.high, tuple(swaps), name in needed)
        )
    return found


def _swaps(entries: Entries, name: str, grid: Array) -> list[Swap]:
    """The swaps on the way along a grid of a constant's values."""
    first, second = np.triu_indices(len(entries.teams), k=1)
    worth = _worth(entries, name, grid)
    leads = np.sign(worth[:, first] - worth[:, second])
    # equal teams stay in the order they had, at first that of the entries
    leads[0, leads[0] == 0] = 1
    for step in range(STEPS):
        leads[step + 1] = np.where(leads[step + 1] == 0, leads[step], leads[step + 1])
    steps, pairs = np.nonzero(leads[1:] != leads[:-1])
    if not len(steps):
        return []
    before, after = grid[steps], grid[steps + 1]
    rows, ahead, behind = np.arange(len(steps)), first[pairs], second[pairs]
    held = leads[steps, pairs]
    for _ in range(_HALVINGS):
        middle = (before + after) / 2
        worth = _worth(entries, name, middle)
        swapped = np.sign(worth[rows, ahead] - worth[rows, behind]) == -held
        before, after = np.where(swapped, before, middle), np.where(swapped, middle, after)
    worth = _worth(entries, name, after)
    rising = np.where(held > 0, behind, ahead)
    falling = np.where(held > 0, ahead, behind)
    places = 1 + np.sum(worth > worth[rows, rising][:, None], axis=1)
    return [
        Swap(float(at), entries.teams[up], entries.teams[down], int(place))
        for at, up, down, place in zip(after, rising, falling, places, strict=True)
    ]


def _worth(entries: Entries, name: str, points: Array) -> Values:
    """What ranks, higher is better, at each value of a constant."""
    contest = entries.contest
    total = compute(contest, entries.values, constants={name: points[:, None]})[contest.ranking.by]
    total = np.broadcast_to(total, (len(points), len(entries.teams)))
    return total if contest.ranking.higher_is_better else -total
