"""A profile as data: what is measured on which images, and how the score is composed."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gpu_metrics.answer_metrics import ANSWER_METRICS
from gpu_metrics.catalog import METRICS, Metric, OptionValue
from gpu_metrics.errors import ProfileError
from gpu_metrics.expressions import Expression
from gpu_metrics.profiles.answers import Answers

SCHEMA = 1
WHOLE_IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Images:
    """How files become pairs of images.

    `pairing` is the rule that gives a file its id, `extensions` the endings that are read
    (lower case, compared without case), `skip` a word that marks names and folders to pass over.
    `decoding` is "official", whatever OpenCV reads, or "strict", 8-bit RGB alone.
    """

    pairing: Literal["first-three-digits", "stem", "manifest"]
    extensions: tuple[str, ...]
    decoding: Literal["official", "strict"] = "official"
    skip: str | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """Pixels whose 8-bit mask value stands in a relation to a threshold."""

    operator: Literal[">=", "<"]
    threshold: int

    @classmethod
    def parse(cls, text: str, *, where: str) -> "Region":
        """Read `mask >= N` or `mask < N` with N in 1..255."""
        match = re.fullmatch(r" *mask *(>=|<) *([0-9]{1,3}) *", text)
        if match is None or not 1 <= int(match[2]) <= 255:
            raise ProfileError(
                f'{where}: expected "mask >= N" or "mask < N" with N in 1..255, got {text!r}'
            )
        return cls(">=" if match[1] == ">=" else "<", int(match[2]))

    def __str__(self) -> str:
        """The rule as profiles write it."""
        return f"mask {self.operator} {self.threshold}"


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric over one region with all its options, and how images are pooled.

    `pool` is "mean" (of the values of the images) or "pixels" (the same, each image weighted by
    the pixels of its region: the mean over all pixels of the set).
    """

    name: str
    metric: str
    region: str
    options: Mapping[str, OptionValue]
    pool: Literal["mean", "pixels"]

    @property
    def catalogued(self) -> Metric:
        """What is known of the metric: direction, unit, promise."""
        return METRICS.get(self.metric) or ANSWER_METRICS[self.metric]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The value of the formula that ranks, its direction and its printed digits."""

    by: str
    higher_is_better: bool
    digits: int


@dataclass(frozen=True, slots=True)
class Column:
    """A named value as leaderboards print it: under which title, with how many decimals."""

    title: str
    digits: int


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Absolute differences up to which two values match, and up to which they differ a little."""

    match: float
    minor: float


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far a reproduced submission may be from the one that was scored online.

    `score` is of the ranked value; by default one and ten units of its last printed digit.
    `measures` are of means and of single images; by default 1e-4 and 1e-3 of the range that real
    submissions reach. `images` is the share of images that may differ by more than that, 0.1 by
    default.
    """

    score: Tolerance
    measures: Mapping[str, Tolerance]
    images: float


@dataclass(frozen=True, slots=True)
class Profile:
    """A leaderboard's rules; load one with `load_profile`.

    `per_image` is evaluated on the values of each image, `formula` on means, both in their
    order. `typical` holds a realistic value for every measure. `subject` is what a submission
    consists of. `columns` are what a leaderboard shows; `outputs` the numbers that challenge
    platforms are told, by the names that they know, the ranked value first; `tolerances` is what a
    reproduction is held against. `text` is the TOML that all this was read from.
    """

    name: str
    version: str
    title: str
    source: str
    notes: str
    subject: Images | Answers
    regions: Mapping[str, Region]
    measures: Mapping[str, Measure]
    per_image: Mapping[str, Expression]
    formula: Mapping[str, Expression]
    ranking: Ranking
    typical: Mapping[str, float]
    columns: Mapping[str, Column]
    outputs: Mapping[str, Expression]
    tolerances: Tolerances
    text: str = field(repr=False, compare=False)

    @property
    def images(self) -> Images:
        """The rules of images; ProfileError where the profile scores answers."""
        if isinstance(self.subject, Images):
            return self.subject
        raise ProfileError(f"{self.name} scores answers, not images; use `gpu-metrics piqa score`")

    @property
    def answers(self) -> Answers:
        """The rules of answers; ProfileError where the profile scores images."""
        if isinstance(self.subject, Answers):
            return self.subject
        raise ProfileError(f"{self.name} scores images, not answers; use `gpu-metrics score`")

    @property
    def needs_masks(self) -> bool:
        """Whether any measure looks at a region of the mask."""
        return any(measure.region != WHOLE_IMAGE for measure in self.measures.values())

    @property
    def digest(self) -> str:
        """SHA-256 of every rule, in hexadecimal; scores compare only under equal digests.

        Wording (title, source, notes), the typical values, columns, the names of outputs,
        tolerances, the order of keys and options that merely spell out a default do not move it.
        """
        canonical = json.dumps(self._rules(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def _rules(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "name": self.name,
            "version": self.version,
            **self._subject_rules(),
            "regions": {name: str(region) for name, region in self.regions.items()},
            "measures": {name: _measure_rules(m) for name, m in self.measures.items()},
            "per_image": _assignments(self.per_image),
            "formula": _assignments(self.formula),
            "ranking": {
                "by": self.ranking.by,
                "higher_is_better": self.ranking.higher_is_better,
                "digits": self.ranking.digits,
            },
        }

    def _subject_rules(self) -> dict[str, Any]:
        if isinstance(self.subject, Answers):
            return {"answers": self.subject.rules}
        return {
            "images": {
                "pairing": self.subject.pairing,
                "extensions": sorted(self.subject.extensions),
                "skip": self.subject.skip and self.subject.skip.lower(),
                # the name that official decoding had while there was no other
                "decoding": "opencv-color" if self.subject.decoding == "official" else "strict",
            }
        }


def _measure_rules(measure: Measure) -> dict[str, Any]:
    # defaults are left out, so that a metric that gains an option keeps the digests it had
    options = measure.catalogued.options
    chosen = {k: v for k, v in measure.options.items() if v != options[k].default}
    return {
        "metric": measure.metric,
        "region": measure.region,
        "pool": measure.pool,
        "options": chosen,
    }


def _assignments(expressions: Mapping[str, Expression]) -> dict[str, str]:
    # no two tokens of the language need a space between them
    return {name: e.text.replace(" ", "") for name, e in expressions.items()}
