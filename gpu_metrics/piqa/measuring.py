"""Every metric of answers over a whole submission; the experts' side is prepared once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from gpu_metrics.piqa.answers import Answer, Choice
from gpu_metrics.piqa.experts import Expert
from gpu_metrics.piqa.grounding import ground, topics
from gpu_metrics.piqa.reasoning import Bleu, RougeL, length_gap, repetition, words_of
from gpu_metrics.piqa.selection import consistent
from gpu_metrics.profiles import Measure

Experts = Mapping[str, Expert]
Column = Mapping[str, float | None]


@dataclass(frozen=True)
class Given:
    """A submission as it was read, and what a judge made of it; everything by id.

    `swapped` is None where the pairs were not asked in the other order; `judged` lacks what has
    no verdict.
    """

    answers: Mapping[str, Answer]
    swapped: Mapping[str, Answer] | None
    judged: Mapping[str, float]

    @cached_property
    def words(self) -> Mapping[str, list[str]]:
        """The words of every reason."""
        return {id_: words_of(answer.reason) for id_, answer in self.answers.items()}

    @cached_property
    def topics(self) -> Mapping[str, Mapping[str, Choice | None]]:
        """What every reason is about."""
        return {id_: topics(answer.reason) for id_, answer in self.answers.items()}


@dataclass(frozen=True, slots=True)
class Measured:
    """A value for each answer, None where it has none; and of all at once, where that differs."""

    values: Column
    corpus: float | None = None


Meter = Callable[[Given], Measured]


def meter(measure: Measure, experts: Experts) -> Meter:
    """What measures answers as `measure` says; reads the experts' reasons now, once."""
    return _METERS[measure.metric](measure, experts)


def _choice(measure: Measure, experts: Experts) -> Meter:
    return lambda given: Measured(
        {id_: float(given.answers[id_].choice == e.choice) for id_, e in experts.items()}
    )


def _consistency(measure: Measure, experts: Experts) -> Meter:
    def measured(given: Given) -> Measured:
        other = given.swapped
        if other is None:
            return Measured(dict.fromkeys(experts))
        pairs = {id_: (given.answers[id_].choice, other[id_].choice) for id_ in experts}
        return Measured({id_: float(consistent(*pair)) for id_, pair in pairs.items()})

    return measured


def _bleu(measure: Measure, experts: Experts) -> Meter:
    bleu = Bleu(measure.options)
    theirs = {id_: bleu.tokens(expert.reason) for id_, expert in experts.items()}

    def measured(given: Given) -> Measured:
        mine = {id_: bleu.tokens(given.answers[id_].reason) for id_ in experts}
        counts = {id_: bleu.count(mine[id_], theirs[id_]) for id_ in experts}
        return Measured(
            {id_: bleu.score(count) for id_, count in counts.items()},
            bleu.corpus_score(list(counts.values())),
        )

    return measured


def _rouge_l(measure: Measure, experts: Experts) -> Meter:
    rouge = RougeL(measure.options)
    theirs = {id_: rouge.tokens(expert.reason) for id_, expert in experts.items()}
    return lambda given: Measured(
        {id_: rouge.score(rouge.tokens(given.answers[id_].reason), theirs[id_]) for id_ in experts}
    )


def _judge(measure: Measure, experts: Experts) -> Meter:
    return lambda given: Measured({id_: given.judged.get(id_) for id_ in experts})


def _grounding(measure: Measure, experts: Experts) -> Meter:
    theirs = {id_: topics(expert.reason) for id_, expert in experts.items()}

    def measured(given: Given) -> Measured:
        shares = {id_: ground(given.topics[id_], theirs[id_]).shares for id_ in experts}
        return Measured({id_: share[measure.metric] for id_, share in shares.items()})

    return measured


def _length_gap(measure: Measure, experts: Experts) -> Meter:
    theirs = {id_: words_of(expert.reason) for id_, expert in experts.items()}
    return lambda given: Measured(
        {id_: length_gap(given.words[id_], theirs[id_]) for id_ in experts}
    )


def _repetition(measure: Measure, experts: Experts) -> Meter:
    order = int(measure.options["order"])
    return lambda given: Measured({id_: repetition(given.words[id_], order) for id_ in experts})


_METERS: Mapping[str, Callable[[Measure, Experts], Meter]] = {
    "choice": _choice,
    "consistency": _consistency,
    "bleu": _bleu,
    "rouge_l": _rouge_l,
    "judge": _judge,
    "topics_named": _grounding,
    "topics_contradicted": _grounding,
    "topics_invented": _grounding,
    "length_gap": _length_gap,
    "repetition": _repetition,
}
