"""How well images were chosen: accuracy and its uncertainty, position bias, two teams compared."""

from collections.abc import Mapping
from dataclasses import dataclass

from gpu_metrics.errors import InputError
from gpu_metrics.piqa.answers import Choice
from gpu_metrics.piqa.experts import Expert

Choices = Mapping[str, Choice | None]

OTHER: dict[Choice, Choice] = {"A": "B", "B": "A"}


@dataclass(frozen=True, slots=True)
class Proportion:
    """So many of so many, and Wilson's 95 % interval; all None where there are none at all."""

    count: int
    total: int
    rate: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, count: int, total: int) -> "Proportion":
        """The proportion `count` of `total`."""
        from scipy.stats import binomtest

        if total == 0:
            return cls(0, 0, None, None, None)
        interval = binomtest(count, total).proportion_ci(method="wilson")
        return cls(count, total, count / total, float(interval.low), float(interval.high))


@dataclass(frozen=True, slots=True)
class Position:
    """Whether the place of an image draws choices.

    `chosen_a` counts A among readable choices, `better_a` among the experts'. `toward_a` and
    `toward_b` are wrong choices of either; `p_value` is that of so lopsided a split by chance
    (exact, two-sided): small means that the place matters.
    """

    chosen_a: Proportion
    better_a: Proportion
    toward_a: int
    toward_b: int
    p_value: float


@dataclass(frozen=True, slots=True)
class Swapped:
    """The same pairs asked with the images exchanged.

    `consistent` counts pairs where the same image was chosen both times, `right` those chosen
    rightly in the exchanged order, `both_right` those chosen rightly in both.
    """

    consistent: Proportion
    right: Proportion
    both_right: Proportion


@dataclass(frozen=True, slots=True)
class Selection:
    """How well images were chosen.

    An unreadable choice counts as a wrong one. `recall` is the accuracy where either image is the
    better one, `balanced_accuracy` the mean of the two, None where one image is never better.
    """

    accuracy: Proportion
    categories: Mapping[str, Proportion]
    recall: Mapping[Choice, Proportion]
    balanced_accuracy: float | None
    position: Position
    unreadable: int
    swapped: Swapped | None


def select(
    choices: Choices, experts: Mapping[str, Expert], swapped: Choices | None = None
) -> Selection:
    """Compare choices with the experts'.

    Args:
        choices: By id, for every id of `experts`; None where none could be read.
        swapped: Choices for the same pairs with A and B exchanged, so that the experts' A is B.
    """
    better = {id_: expert.choice for id_, expert in experts.items()}
    kinds = sorted({e.category for e in experts.values() if e.category is not None})
    recall: dict[Choice, Proportion] = {
        image: _right(choices, {i: b for i, b in better.items() if b == image})
        for image in ("A", "B")
    }
    rates = [part.rate for part in recall.values() if part.rate is not None]
    return Selection(
        accuracy=_right(choices, better),
        categories={
            kind: _right(choices, {i: better[i] for i, e in experts.items() if e.category == kind})
            for kind in kinds
        },
        recall=recall,
        balanced_accuracy=sum(rates) / 2 if len(rates) == 2 else None,
        position=_position(choices, better),
        unreadable=sum(choices[id_] is None for id_ in better),
        swapped=None if swapped is None else _swapped(choices, swapped, better),
    )


def consistent(choice: Choice | None, swapped: Choice | None) -> bool:
    """Whether the same image was chosen when the two changed places; unreadable never is."""
    return choice is not None and swapped == OTHER[choice]


@dataclass(frozen=True, slots=True)
class McNemar:
    """Two teams on the same pairs: how many only one of them has right, and the exact p-value."""

    both: int
    only_first: int
    only_second: int
    neither: int
    p_value: float


def mcnemar(first: Mapping[str, bool], second: Mapping[str, bool]) -> McNemar:
    """McNemar's exact test of whether two teams are right equally often, two-sided.

    Args:
        first, second: Whether each pair was chosen rightly, by id; over the same ids.
    """
    if first.keys() != second.keys():
        raise InputError(
            f"first and second must hold the same pairs; {len(first.keys() ^ second.keys())} ids "
            "are in one of them alone"
        )
    only_first = sum(first[id_] > second[id_] for id_ in first)
    only_second = sum(second[id_] > first[id_] for id_ in first)
    both = sum(first.values()) - only_first
    neither = len(first) - both - only_first - only_second
    return McNemar(both, only_first, only_second, neither, _even(only_first, only_second))


def _right(choices: Choices, better: Mapping[str, Choice]) -> Proportion:
    return Proportion.of(sum(choices[id_] == image for id_, image in better.items()), len(better))


def _position(choices: Choices, better: Mapping[str, Choice]) -> Position:
    readable = [choice for id_ in better if (choice := choices[id_]) is not None]
    wrong = [c for id_, image in better.items() if (c := choices[id_]) == OTHER[image]]
    return Position(
        chosen_a=Proportion.of(readable.count("A"), len(readable)),
        better_a=Proportion.of([*better.values()].count("A"), len(better)),
        toward_a=wrong.count("A"),
        toward_b=wrong.count("B"),
        p_value=_even(wrong.count("A"), wrong.count("B")),
    )


def _swapped(choices: Choices, swapped: Choices, better: Mapping[str, Choice]) -> Swapped:
    exchanged = {id_: OTHER[image] for id_, image in better.items()}
    both = sum(choices[i] == b and swapped[i] == exchanged[i] for i, b in better.items())
    same = sum(consistent(choices[id_], swapped[id_]) for id_ in better)
    return Swapped(
        consistent=Proportion.of(same, len(better)),
        right=_right(swapped, exchanged),
        both_right=Proportion.of(both, len(better)),
    )


def _even(one: int, other: int) -> float:
    """How likely a split at least as uneven is where both sides are equally likely."""
    from scipy.stats import binomtest

    return float(binomtest(one, one + other).pvalue) if one + other else 1.0
