"""Which scenes a jury sees: a draw that anybody can repeat with the seed and the list of scenes."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from gpu_metrics.errors import InputError


def draw_scenes(
    scenes: Collection[str],
    count: int,
    *,
    seed: int,
    strata: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """The scenes drawn, sorted: every set of `count` scenes is as likely as any other.

    Each scene has a ticket, the SHA-256 of the text `SEED SCENE` in UTF-8 (`0 001`), in
    hexadecimal; the lowest tickets are drawn. With strata each of them gives its share of
    `count`, rounded by largest remainders (of equal ones the larger stratum's, then the first by
    name), and the lowest tickets in it are drawn.

    Args:
        scenes: The ids to draw from, in any order.
        count: How many to draw.
        seed: Announce it when all results are in, so that nobody can prepare for the draw.
        strata: The stratum of each scene, such as indoors or at night; one for all by default.

    Raises:
        InputError: There are fewer than `count` scenes, or one has no stratum.
    """
    if not 0 <= count <= len(scenes):
        raise InputError(f"scenes: expected at most {len(scenes)}, all there are, got {count}")
    groups: dict[str, list[str]] = defaultdict(list)
    for scene in sorted(scenes, key=lambda scene: _ticket(seed, scene)):
        if strata is not None and scene not in strata:
            raise InputError(f"strata: no line for scene {scene!r}")
        groups["" if strata is None else strata[scene]].append(scene)
    shares = _shares({name: len(group) for name, group in groups.items()}, count)
    return tuple(sorted(s for name, group in groups.items() for s in group[: shares[name]]))


def _ticket(seed: int, scene: str) -> str:
    return hashlib.sha256(f"{seed} {scene}".encode()).hexdigest()


def _shares(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """`count` in proportion to sizes, by largest remainders; no share exceeds its size."""
    total = sum(sizes.values())
    exact = {name: divmod(count * size, total) for name, size in sizes.items()}
    shares = {name: whole for name, (whole, _) in exact.items()}
    first: Sequence[str] = sorted(sizes, key=lambda name: (-exact[name][1], -sizes[name], name))
    for name in first[: count - sum(shares.values())]:
        shares[name] += 1
    return shares
