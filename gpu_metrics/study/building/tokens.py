"""Names that name nothing, and chance that nobody foretells: both follow from a secret alone."""

import hmac
import itertools
import json
import random

from gpu_metrics.study.manifest import Token

_BYTES = 16


def token(secret: bytes, *what: str) -> Token:
    """32 hexadecimal digits that stand for `what`; without the secret they tell nothing of it."""
    return _keyed(secret, "token", *what)[:_BYTES].hex()


def salt(secret: bytes, of: Token) -> bytes:
    """16 bytes to hide in a file, so that whoever can make the file cannot foretell its hash."""
    return _keyed(secret, "salt", of)[:_BYTES]


class KeyedChance(random.Random):
    """Random numbers that follow from a key; where that is a secret, from nothing else.

    Every number is a block of HMAC-SHA256 in counter mode, so not even all the numbers drawn so
    far foretell the next one.
    """

    def __init__(self, secret: bytes, *purpose: str) -> None:
        self._blocks = (_keyed(secret, "chance", str(n), *purpose) for n in itertools.count())
        super().__init__()

    def getrandbits(self, k: int, /) -> int:
        """A whole number of `k` bits, at most 256."""
        if not 0 <= k <= 256:
            raise ValueError(f"k: expected 0..256, got {k}")
        return int.from_bytes(next(self._blocks), "big") >> (256 - k)

    def random(self) -> float:
        """A number in [0, 1), a multiple of 2 ** -53."""
        return self.getrandbits(53) * 2.0**-53

    def seed(self, *_: object) -> None:
        """Nothing: the key is all there is."""


def _keyed(secret: bytes, *what: str) -> bytes:
    # as JSON, no two lists of texts are the same bytes
    return hmac.digest(secret, json.dumps(what).encode(), "sha256")
