"""In which order a juror sees screens, and tiles on them."""

import random
from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment


def balanced_orders(
    teams: Sequence[str], screens: int, jurors: int, chance: random.Random
) -> list[list[tuple[str, ...]]]:
    """The teams in random order for every screen of every juror, each place given out evenly.

    Of each juror, in every run of as many screens as there are teams (the first, the second, ...)
    a team stands once at every place: a random Latin square. So how often one juror has seen a
    team at one place differs by at most 1, after any number of screens, and so does how often all
    jurors together have.

    Args:
        teams: Who is on the screens; jurors who are shown other teams are another call.
        screens: How many a juror sees.
        jurors: How many there are.
        chance: What decides where balance leaves a choice.

    Returns:
        For each juror, for each screen in the order it is shown, the teams from the first tile to
        the last.
    """
    count = len(teams)
    seen_by_all = np.zeros((count, count))
    orders: list[list[tuple[str, ...]]] = []
    for _ in range(jurors):
        seen = np.zeros((count, count))
        orders.append([])
        for _ in range(screens):
            ties = np.array([[chance.random() for _ in teams] for _ in teams])
            # counts differ by at most 1 and ties add up to less than `count`, so the juror's own
            # balance comes before that of all, and both before chance
            cost = (seen * (2 * count) + seen_by_all) * count + ties
            places, chosen = linear_sum_assignment(cost)
            seen[places, chosen] += 1
            seen_by_all[places, chosen] += 1
            orders[-1].append(tuple(teams[team] for team in chosen))
    return orders


def sequence(
    votes: Sequence[str], repeats: Sequence[str], chance: random.Random
) -> list[tuple[str, bool]]:
    """Votes in random order with hidden repeats among them, each with whether it is a repeat.

    Repeats come in the second half, and at least a third of all screens after the same scene was
    shown first.

    Args:
        votes: The scenes voted on, each once.
        repeats: Those of them that are shown again.
        chance: What decides.
    """
    total = len(votes) + len(repeats)
    slots = sorted(chance.sample(range((total + 1) // 2, total), len(repeats)))
    free = [slot for slot in range(total) if slot not in slots]
    placed: dict[int, tuple[str, bool]] = {}
    again = chance.sample(repeats, len(repeats))
    # the earliest repeat has the least to choose from, and what it may take all others may
    for scene, slot in zip(again, slots, strict=True):
        first = chance.choice([early for early in free if slot - early >= (total + 2) // 3])
        free.remove(first)
        placed |= {first: (scene, False), slot: (scene, True)}
    others = [scene for scene in votes if scene not in {*repeats}]
    placed |= {
        slot: (scene, False)
        for slot, scene in zip(free, chance.sample(others, len(others)), strict=True)
    }
    return [placed[slot] for slot in range(total)]
