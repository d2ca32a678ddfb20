"""What a reason is about and which image it prefers there, found by words alone.

No model reads the text: the vocabulary is closed and English, and a clause counts for the image
that it names. That finds what is named; of praise and blame it sees the plain cases.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gpu_metrics.piqa.answers import Choice
from gpu_metrics.piqa.vocabulary import quality_of, topic_of

_CLAUSE = re.compile(
    r"\b(?:while|whereas|but|although|though|however|compared|than|unlike|relative to|"
    r"in contrast)\b|(?:[,;]|\bthat|\bwhich)\s(?=image\b)|[.;]\s",
)
_IMAGE = re.compile(r"\bimage\s{1,8}([ab])\b")
_SIDE = re.compile(r"\b(left|right)\b")
_BOTH = re.compile(r"\b(?:both|neither)\b")
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")

# how far, in words, a reversal reaches
_REACH = 4


def topics(reason: str) -> dict[str, Choice | None]:
    """Regions and attributes that a reason names, each with the image it prefers there, if any.

    What stands before the first colon of a line holds for the whole line, as in "Face Texture:
    Image A (Left) shows ...".
    """
    votes: Counter[str] = Counter()
    named: dict[str, None] = {}
    for line in reason.lower().splitlines():
        head, colon, text = line.partition(":")
        about = {t for w in _WORD.findall(head if colon else "") if (t := topic_of(w))}
        named.update(dict.fromkeys(about))
        for clause, image in _clauses(text if colon else line):
            words = _WORD.findall(clause)
            here = about | {t for w in words if (t := topic_of(w))}
            named.update(dict.fromkeys(here))
            vote = image * _praise(words)
            for topic in here:
                votes[topic] += vote
    return {topic: _preferred(votes[topic]) for topic in named}


@dataclass(frozen=True, slots=True)
class Grounding:
    """Topics of an answer beside those of the expert.

    `named`, `contradicted` and `missed` are topics of the expert's, `invented` the others; the
    contradicted ones are among the named.
    """

    named: tuple[str, ...]
    contradicted: tuple[str, ...]
    missed: tuple[str, ...]
    invented: tuple[str, ...]

    @property
    def shares(self) -> dict[str, float | None]:
        """The metrics topics_named, topics_contradicted (both None without topics to name) and
        topics_invented, each in 0..1.
        """
        known = len(self.named) + len(self.missed)
        told = len(self.named) + len(self.invented)
        return {
            "topics_named": len(self.named) / known if known else None,
            "topics_contradicted": len(self.contradicted) / known if known else None,
            "topics_invented": len(self.invented) / told if told else 0.0,
        }


def ground(answer: Mapping[str, Choice | None], expert: Mapping[str, Choice | None]) -> Grounding:
    """Compare the `topics` of an answer with those of the expert.

    A topic is contradicted where both prefer an image and not the same one.
    """
    shared = [topic for topic in expert if topic in answer]
    return Grounding(
        named=tuple(shared),
        contradicted=tuple(t for t in shared if {answer[t], expert[t]} == {"A", "B"}),
        missed=tuple(topic for topic in expert if topic not in answer),
        invented=tuple(topic for topic in answer if topic not in expert),
    )


def _clauses(text: str) -> Iterator[tuple[str, int]]:
    """Clauses with the image they speak of: 1 for A, -1 for B, 0 for both or none."""
    image = 0
    for clause in _CLAUSE.split(text):
        letters = set(_IMAGE.findall(clause))
        if not letters:
            letters = {{"left": "a", "right": "b"}[side] for side in _SIDE.findall(clause)}
        if len(letters) > 1 or _BOTH.search(clause):
            image = 0
        elif letters:
            image = 1 if "a" in letters else -1
        yield clause, image


def _praise(words: list[str]) -> int:
    """Words of praise less words of blame; a reversal turns the next one around."""
    praise, reversed_until = 0, -1
    for place, word in enumerate(words):
        quality = quality_of(word)
        if quality == "reversing":
            reversed_until = place + _REACH
        elif quality:
            sign = 1 if quality == "better" else -1
            praise += -sign if place <= reversed_until else sign
            reversed_until = -1
    return praise


def _preferred(vote: int) -> Choice | None:
    if vote == 0:
        return None
    return "A" if vote > 0 else "B"
