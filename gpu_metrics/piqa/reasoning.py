"""BLEU and ROUGE-L of reasons, their length and repetition, with the expert's read only once.

Tokens and formulas are those of sacrebleu and rouge-score, which these scores equal; counting is
done here, since each of them reads both texts anew at every call.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gpu_metrics.catalog import OptionValue

Tokens = Sequence[str]
Runs = Counter[tuple[str, ...]]

# distinct words whose stem is remembered
_STEMS = 65_536


@dataclass(frozen=True, slots=True)
class BleuCounts:
    """What BLEU needs of one text or, added up, of many: matches and n-grams per order, tokens."""

    matches: tuple[int, ...]
    ngrams: tuple[int, ...]
    tokens: int
    expert_tokens: int


class Bleu:
    """BLEU against one expert's reason, in 0..1.

    Args:
        options: Those of the metric `bleu`: order, tokenizer, smoothing, case.
    """

    def __init__(self, options: Mapping[str, OptionValue]) -> None:
        from sacrebleu.metrics.bleu import BLEU

        self._order = int(options["order"])
        self._smoothing = str(options["smoothing"])
        self._lower = options["case"] == "lowered"
        self._tokenize: Callable[[str], str] = BLEU(tokenize=str(options["tokenizer"])).tokenizer
        self._compute: Any = BLEU.compute_bleu

    def tokens(self, reason: str) -> list[str]:
        """The tokens of a reason, punctuation included."""
        text = self._tokenize((reason.lower() if self._lower else reason).rstrip())
        return text.split()

    def count(self, answer: Tokens, expert: Tokens) -> BleuCounts:
        """Clipped matches of an answer's tokens with those of the expert's reason."""
        orders = range(1, self._order + 1)
        return BleuCounts(
            tuple(_matches(_runs(answer, n), _runs(expert, n)) for n in orders),
            tuple(max(0, len(answer) - n + 1) for n in orders),
            len(answer),
            len(expert),
        )

    def score(self, counts: BleuCounts) -> float:
        """Of one reason, as sacrebleu's `sentence_bleu`: orders that do not fit do not count."""
        return self._score(counts, effective_order=True)

    def corpus_score(self, counts: Sequence[BleuCounts]) -> float:
        """Of all reasons at once, as sacrebleu's `corpus_bleu`: counts are added up first."""
        total = BleuCounts(
            _sums(item.matches for item in counts),
            _sums(item.ngrams for item in counts),
            sum(item.tokens for item in counts),
            sum(item.expert_tokens for item in counts),
        )
        return self._score(total, effective_order=False)

    def _score(self, counts: BleuCounts, *, effective_order: bool) -> float:
        # lists, because smoothing changes them in place
        result = self._compute(
            correct=list(counts.matches),
            total=list(counts.ngrams),
            sys_len=counts.tokens,
            ref_len=counts.expert_tokens,
            smooth_method=self._smoothing,
            effective_order=effective_order,
            max_ngram_order=self._order,
        )
        return float(result.score) / 100


class RougeL:
    """F-measure of the longest common subsequence of words, in 0..1; 0 where there are none.

    Args:
        options: Those of the metric `rouge_l`: stemmer.
    """

    def __init__(self, options: Mapping[str, OptionValue]) -> None:
        self._stemmer = _Stemmer() if options["stemmer"] == "porter" else None

    def tokens(self, reason: str) -> list[str]:
        """The words of a reason, or their stems."""
        return words_of(reason, self._stemmer)

    def score(self, answer: Tokens, expert: Tokens) -> float:
        """Of an answer's words beside those of the expert's reason."""
        common = common_words(answer, expert)
        if common == 0:
            return 0.0
        precision, recall = common / len(answer), common / len(expert)
        return 2 * precision * recall / (precision + recall)


def common_words(answer: Tokens, expert: Tokens) -> int:
    """Length of the longest common subsequence.

    One row of the usual table at a time, held as the bits of one number that mark where it does
    not grow (Hyyrö, "Bit-parallel LCS-length computation revisited", 2004).
    """
    places: dict[str, int] = {}
    for place, word in enumerate(expert):
        places[word] = places.get(word, 0) | 1 << place
    flat = every = (1 << len(expert)) - 1
    for word in answer:
        if hits := flat & places.get(word, 0):
            flat = (flat + hits | flat - hits) & every
    return len(expert) - flat.bit_count()


def words_of(reason: str, stemmer: Any = None) -> list[str]:
    """Words as rouge-score has them: lower case, runs of the letters a-z and digits."""
    from rouge_score.tokenize import tokenize

    words: list[str] = tokenize(reason, stemmer)
    return words


def length_gap(answer: Tokens, expert: Tokens) -> float:
    """How far the number of words is from the expert's, as a share of that."""
    return abs(len(answer) - len(expert)) / len(expert)


def repetition(words: Tokens, order: int) -> float:
    """Share of the runs of `order` words that came before in the same text; 0 where none fit."""
    runs = _runs(words, order)
    return 1 - len(runs) / runs.total() if runs else 0.0


class _Stemmer:
    """Porter's stems as rouge-score asks for them, each computed once."""

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer

        self.stem = lru_cache(_STEMS)(PorterStemmer().stem)


def _runs(tokens: Tokens, order: int) -> Runs:
    return Counter(zip(*(tokens[start:] for start in range(order)), strict=False))


def _matches(mine: Runs, theirs: Runs) -> int:
    return sum(min(count, theirs[run]) for run, count in mine.items() if run in theirs)


def _sums(rows: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*rows, strict=True)))
