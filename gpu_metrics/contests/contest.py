"""A contest as data: what goes into the final standing of a challenge, and how it is composed."""

import hashlib
import json
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gpu_metrics.errors import ProfileError
from gpu_metrics.expressions import Expression
from gpu_metrics.profiles import Column, Ranking

SCHEMA = 1

_RELATIONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True, slots=True)
class Phase:
    """The standing of a phase of a board, under a profile, by the best or last submissions."""

    phase: str
    profile: str
    pick: Literal["best", "last"] = "best"


@dataclass(frozen=True, slots=True)
class BoardInput:
    """A number that a board has of each team: a mean or a value of the formula."""

    source: Phase
    value: str


@dataclass(frozen=True, slots=True)
class GivenInput:
    """A number that the host gives for each team, such as a runtime or the picks of a jury."""

    meaning: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """Who takes part: the first `top` of a phase, leaving out whoever is struck out there."""

    source: Phase
    top: int


@dataclass(frozen=True, slots=True)
class Gate:
    """What an input must satisfy, or the team is not ranked."""

    name: str
    relation: str
    bound: float

    @classmethod
    def parse(cls, text: str, *, where: str) -> "Gate":
        """Read `NAME >= NUMBER`, or the same with `<=`, `>` or `<`."""
        match = re.fullmatch(r" *([a-z]\w*) *(>=|<=|>|<) *(-?\d+(?:\.\d+)?) *", text, re.ASCII)
        if match is None:
            raise ProfileError(f'{where}: expected "NAME >= NUMBER", got {text!r}')
        return cls(match[1], match[2], float(match[3]))

    def admits(self, value: float) -> bool:
        """Whether a value satisfies the gate."""
        return _RELATIONS[self.relation](value, self.bound)

    def __str__(self) -> str:
        """The gate as contests write it."""
        return f"{self.name} {self.relation} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Place:
    """A team's place by an input among all that take part; the first is 1, ties share the mean."""

    of: str
    higher_is_better: bool


@dataclass(frozen=True, slots=True)
class Share:
    """An input mapped linearly, 0 for the least and 1 for the greatest of all that take part.

    `equal` is what everybody has where all are equal.
    """

    of: str
    equal: float


@dataclass(frozen=True, slots=True)
class Rate:
    """The picks of a jury divided by the most there could be: one on every ballot counted."""

    of: str


@dataclass(frozen=True, slots=True)
class JuryRules:
    """How jurors vote, and how their picks are counted.

    Args:
        gives: The given input that picks are counted into.
        score: The assignment of the formula that is the score of the jury.
        best: How many results a juror picks in a scene.
        scenes: Over how many scenes the jury votes.
        dimensions: What a juror is asked to judge by.
        pooling: "ballots" counts every pick of every ballot; "scenes" counts 1 for each of the
            `best` teams that most jurors picked in a scene.
        ties: Of teams that are equal across the last place of a scene, under pooling "scenes":
            "share" divides what is left among them, "all" gives each 1, "none" nothing.
        unseen: A team that was kept from some jurors has its picks "scaled" to as many ballots as
            there are in a scene, or the lack is "ignored".
    """

    gives: str
    score: str
    best: int
    scenes: int
    dimensions: tuple[str, ...]
    pooling: Literal["ballots", "scenes"]
    ties: Literal["share", "all", "none"]
    unseen: Literal["scaled", "ignored"]


@dataclass(frozen=True, slots=True)
class Constant:
    """A number that the rules chose, and the range over which a host wonders about it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Contest:
    """The rules of a final standing; load one with `load_contest`.

    `inputs` come from boards or from the host, `across` compares teams by an input, and `formula`
    uses both and the `constants`, in its order. `awards` go down the standing: how many there are
    of each. `jury` says how votes become one of the inputs, where there is a jury.
    """

    name: str
    version: str
    title: str
    source: str
    notes: str
    inputs: Mapping[str, BoardInput | GivenInput]
    invitation: Invitation | None
    gates: tuple[Gate, ...]
    across: Mapping[str, Place | Share | Rate]
    jury: JuryRules | None
    constants: Mapping[str, Constant]
    formula: Mapping[str, Expression]
    ranking: Ranking
    columns: Mapping[str, Column]
    awards: Mapping[str, int]
    text: str = field(repr=False, compare=False)

    @property
    def digest(self) -> str:
        """SHA-256 of every rule, in hexadecimal; wording and ranges of constants do not move it."""
        canonical = json.dumps(self._rules(), sort_keys=True, separators=(",", ":"), default=repr)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def award(self, place: int) -> str | None:
        """What a place is awarded."""
        for award, count in self.awards.items():
            if place <= count:
                return award
            place -= count
        return None

    def _rules(self) -> dict[str, Any]:
        jury = {} if self.jury is None else {"jury": repr(self.jury)}
        return jury | {
            "schema": SCHEMA,
            "name": self.name,
            "version": self.version,
            "inputs": {
                name: repr(source) if isinstance(source, BoardInput) else "given"
                for name, source in self.inputs.items()
            },
            "invitation": repr(self.invitation),
            "gates": sorted(map(str, self.gates)),
            "across": {name: repr(rule) for name, rule in self.across.items()},
            "constants": {name: constant.value for name, constant in self.constants.items()},
            "formula": {name: e.text.replace(" ", "") for name, e in self.formula.items()},
            "ranking": repr(self.ranking),
            "awards": list(self.awards.items()),
        }
