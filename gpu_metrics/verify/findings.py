"""What a comparison of two runs finds, as plain data."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["match", "minor", "deviates"]


@dataclass(frozen=True, slots=True)
class Pair:
    """One value in both runs; None where it was not scored."""

    online: float | None
    reproduced: float | None

    @property
    def change(self) -> float | None:
        """The reproduced value less the online one; None where either is missing."""
        if self.online is None or self.reproduced is None:
            return None
        return self.reproduced - self.online


@dataclass(frozen=True, slots=True)
class PixelChange:
    """How far the pixels of two images of one size are apart, in steps of 8 bits.

    `largest` and `mean` are over all values of all channels; `changed` is the share of pixels in
    which any channel differs.
    """

    largest: int
    mean: float
    changed: float


@dataclass(frozen=True, slots=True)
class ImagePair:
    """One image in both runs.

    `identical` says whether the pixels are the same, None where neither pixels nor hashes tell.
    `excess` is how many times its tolerance the worst of the measures is off; None, which is worse
    than any number, where an image has a value in one run alone.
    """

    id: str
    identical: bool | None
    pixels: PixelChange | None
    values: Mapping[str, Pair]
    excess: float | None

    @property
    def stands_out(self) -> bool:
        """Whether a measure is off by more than its tolerance."""
        return self.excess is None or self.excess > 1


@dataclass(frozen=True, slots=True)
class Rank:
    """The places that both scores give among the other teams; ties share the better place.

    `passed` names the teams whose order with this one depends on which score counts.
    """

    online: int
    reproduced: int
    teams: int
    passed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs of one submission: the verdict, the reasons for it, and what they rest on.

    `images` come worst first. `environment` holds what the runs were computed with as far as it
    differs: online, then reproduced; None where a record does not say.
    """

    online: str
    reproduced: str
    profile: str
    verdict: Verdict
    reasons: tuple[str, ...]
    ranked: str
    score: Pair
    measures: Mapping[str, Pair]
    images: tuple[ImagePair, ...]
    environment: Mapping[str, tuple[Any, Any]]
    rank: Rank | None = None

    @property
    def identical(self) -> int:
        """How many images have the same pixels for certain."""
        return sum(image.identical is True for image in self.images)

    def to_json(self) -> str:
        """Everything as JSON text; finite numbers only."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
