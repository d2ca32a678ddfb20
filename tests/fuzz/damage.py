"""Damage to bytes, as disks, networks and people do it."""

from random import Random
from typing import TypeVar

Part = TypeVar("Part")

# where signs, sizes and counts break
_WORDS = [
    value.to_bytes(length, "big")
    for length in (1, 2, 4)
    for value in (0, 1, 256**length // 2 - 1, 256**length // 2, 256**length - 1)
]


def damaged(data: bytes, random: Random) -> bytes:
    """`data` with one thing wrong, or two: a bit, a word, a run of bytes."""
    for _ in range(random.choice([1, 1, 1, 2])):
        data = _once(data, random)
    return data


def rearranged(parts: list[Part], random: Random) -> list[Part]:
    """The parts of a file with one of them lost, twice there, or in another place."""
    parts, place = list(parts), random.randrange(len(parts))
    part = parts.pop(place)
    match random.choice(["lose", "double", "move"]):
        case "double":
            parts[place:place] = [part, part]
        case "move":
            parts.insert(random.randrange(len(parts) + 1), part)
    return parts


def _once(data: bytes, random: Random) -> bytes:
    place = random.randrange(len(data) + 1)
    before, after = data[:place], data[place:]
    run = random.choice([1, 2, 4, random.randrange(1, 300)])
    match random.choice(["flip", "word", "noise", "lose", "double", "insert", "cut"]):
        case "flip":
            return before + bytes(byte ^ 1 << random.randrange(8) for byte in after[:1]) + after[1:]
        case "word":
            word = random.choice(_WORDS)
            return before + word + after[len(word) :]
        case "noise":
            return before + random.randbytes(run) + after[run:]
        case "lose":
            return before + after[run:]
        case "double":
            return before + after[:run] + after
        case "insert":
            return before + random.randbytes(run % 9) + after
    return before
