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
class Texts:
    """Reasons by id, each taken apart when it is first asked for."""

    by_id: Mapping[str, str]

    @cached_property
    def words(self) -> Mapping[str, list[str]]:
        """The words of every reason."""
        return {id_: words_of(text) for id_, text in self.by_id.items()}

    @cached_property
    def topics(self) -> Mapping[str, Mapping[str, Choice | None]]:
        """What every reason is about."""
        return {id_: topics(text) for id_, text in self.by_id.items()}


class Given:
    """A submission as it was read, and what a judge made of it; everything by id.

    `swapped` is None where the pairs were not asked in the other order; `judged` lacks what has
    no verdict.
    """

    def __init__(
        self,
        answers: Mapping[str, Answer],
        swapped: Mapping[str, Answer] | None,
        judged: Mapping[str, float],
    ) -> None:
        self.answers, self.swapped, self.judged = answers, swapped, judged
        self.texts = Texts({id_: answer.reason for id_, answer in answers.items()})


@dataclass(frozen=True, slots=True)
class Measured:
    """A value for each answer, None where it has none; and of all at once, where that differs."""

    values: Column
    corpus: float | None = None


Meter = Callable[[Given], Measured]


class Meters:
    """What measures answers beside the experts', whose reasons are read once for all measures."""

    def __init__(self, measures: Mapping[str, Measure], experts: Experts) -> None:
        texts = Texts({id_: expert.reason for id_, expert in experts.items()})
        self._meters = {
            name: _METERS[measure.metric](measure, experts, texts)
            for name, measure in measures.items()
        }

    def __call__(self, given: Given) -> dict[str, Measured]:
        """Every measure by name."""
        return {name: meter(given) for name, meter in self._meters.items()}


def _choice(measure: Measure, experts: Experts, texts: Texts) -> Meter:
    return lambda given: Measured(
        {id_: float(given.answers[id_].choice == e.choice) for id_, e in experts.items()}
    )


def _consistency(measure: Measure, experts: Experts, texts: Texts) -> Meter:
    def measured(given: Given) -> Measured:
        other = given.swapped
        if other is None:
            return Measured(dict.fromkeys(experts))
        pairs = {id_: (given.answers[id_].choice, other[id_].choice) for id_ in experts}
        return Measured({id_: float(consistent(*pair)) for id_, pair in pairs.items()})

    return measured


def _bleu(measure: Measure, experts: Experts, texts: Texts) -> Meter:
    bleu = Bleu(measure.options)
    theirs = {id_: bleu.tokens(text) for id_, text in texts.by_id.items()}

    def measured(given: Given) -> Measured:
        mine = {id_: bleu.tokens(text) for id_, text in given.texts.by_id.items()}
        counts = {id_: bleu.count(mine[id_], theirs[id_]) for id_ in theirs}
        return Measured(
            {id_: bleu.score(count) for id_, count in counts.items()},
            bleu.corpus_score(list(counts.values())),
        )

    return measured


def _rouge_l(measure: Measure, experts: Experts, texts: Texts) -> Meter:
    rouge = RougeL(measure.options)

    def tokens(texts: Texts) -> Mapping[str, list[str]]:
        if measure.options["stemmer"] == "none":
            return texts.words
        return {id_: rouge.tokens(text) for id_, text in texts.by_id.items()}

    theirs = tokens(texts)

    def measured(given: Given) -> Measured:
        mine = tokens(given.texts)
        return Measured({id_: rouge.score(mine[id_], theirs[id_]) for id_ in theirs})

    return measured


def _judge(measure: Measure, experts: Experts, texts: Texts) -> Meter:
    return lambda given: Measured({id_: given.judged.get(id_) for id_ in experts})


def _grounding(measure: Measure, experts: Experts, texts: Texts) -> Meter:
    theirs = texts.topics

    def measured(given: Given) -> Measured:
        mine = given.texts.topics
        shares = {id_: ground(mine[id_], theirs[id_]).shares for id_ in theirs}
        return Measured({id_: share[measure.metric] for id_, share in shares.items()})

    return measured


def _length_gap(measure: Measure, experts: Experts, texts: Texts) -> Meter:
    theirs = texts.words

    def measured(given: Given) -> Measured:
        mine = given.texts.words
        return Measured({id_: length_gap(mine[id_], theirs[id_]) for id_ in theirs})

    return measured


def _repetition(measure: Measure, experts: Experts, texts: Texts) -> Meter:
    order = int(measure.options["order"])
    return lambda given: Measured(
        {id_: repetition(words, order) for id_, words in given.texts.words.items()}
    )


_METERS: Mapping[str, Callable[[Measure, Experts, Texts], Meter]] = {
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
