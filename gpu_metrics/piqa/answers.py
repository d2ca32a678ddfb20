"""One model's answer to a pair of images: which it chose and why, however it was written."""

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

Choice = Literal["A", "B"]

# what is forgiven, and how it is read; nothing else is
LENIENCIES = {
    "case": "tags or letter in another case",
    "spaces": "spaces inside a tag",
    "think": "<think> in place of <thinking>",
    "unopened": "a tag that is closed and was never opened; it holds what stands before it",
    "unclosed": "a tag that is never closed; it ends where the next one, or the text, does",
    "repeated": "several tags of one kind; they are joined",
    "order": "the answer before the reason",
    "outside": "text outside of the tags; it is passed over",
    "words": "words or marks around the letter; Left stands for A and Right for B",
    "untagged reason": "no <thinking>; what stands outside of <answer> is the reason",
    "untagged answer": "no <answer>; `answer is X`, `answer: X` or a last line with X alone is it",
}
# why there is no choice, which counts as a wrong one
UNREADABLE = {
    "both": "both images are named as the answer",
    "neither": "no image is named as the answer: a refusal, or something else",
    "form": "not in the exact form, which a strict reading asks for",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says. `choice` is None where `unreadable` says why, a key of `UNREADABLE`.

    `lenient` holds the keys of `LENIENCIES` that reading took; empty for the exact form.
    """

    choice: Choice | None
    reason: str
    lenient: tuple[str, ...] = ()
    unreadable: str | None = None


# spaces are bounded, so that no text takes more than linear time
_TAG = re.compile(r"<\s{0,8}(/?)\s{0,8}(thinking|think|answer)\s{0,8}>", re.IGNORECASE)
_EXACT_TAGS = {"<thinking>", "</thinking>", "<answer>", "</answer>"}
_LETTER = re.compile(r"\b(?:[Ii][Mm][Aa][Gg][Ee]\s{1,8}([AaBb])|([AB])|([Ll]eft|[Rr]ight))\b")
_STATED = re.compile(
    r"\banswer(?:\s{1,8}is\b|\s{0,8}:)[\s*_\"'(]{0,8}"
    r"(?:image\s{1,8})?([ab])\b(?!\s{0,8}[/|])[*_\"')]{0,4}",
    re.IGNORECASE,
)
_LAST_LINE = re.compile(r"[*_\"'(]{0,4}(?:image\s{1,8})?([ab])[*_\"').]{0,4}", re.IGNORECASE)


def read_answer(text: str, *, strict: bool = False) -> Answer:
    """The choice and the reason in `<thinking>reason</thinking><answer>A</answer>`.

    Args:
        text: What the model wrote.
        strict: Take the exact form alone, with white space at will between tags, letter and
            reason. Else everything that `LENIENCIES` lists is read, and told.
    """
    sections = _Sections.split(text)
    answer = sections.text("answer")
    if sections.exact and answer in ("A", "B"):
        return Answer("A" if answer == "A" else "B", sections.text("thinking"))
    if strict:
        return Answer(None, "", unreadable="form")
    lenient = dict.fromkeys(sections.lenient)
    if "answer" in sections.parts:
        choices = _choices(answer)
        if answer.upper() not in ("A", "B"):
            lenient["words"] = None
        elif answer not in ("A", "B"):
            lenient["case"] = None
    else:
        lenient["untagged answer"] = None
        bare = "thinking" not in sections.parts or sections.text("outside")
        where = "outside" if bare else "thinking"
        choices, sections.parts[where] = _stated(sections.text(where))
    outside = sections.text("outside")
    if "thinking" not in sections.parts:
        lenient["untagged reason"] = None
    elif outside:
        lenient["outside"] = None
    reason = sections.text("thinking") if "thinking" in sections.parts else outside
    if len(choices) == 1:
        return Answer("A" if "A" in choices else "B", reason, tuple(lenient))
    return Answer(None, reason, tuple(lenient), "both" if choices else "neither")


class _Sections:
    """The text of each kind of tag, and outside of all, with what had to be forgiven."""

    def __init__(self) -> None:
        self.parts: dict[str, list[str]] = defaultdict(list)
        self.lenient: dict[str, None] = {}

    @classmethod
    def split(cls, text: str) -> "_Sections":
        found = cls()
        where, end = "outside", 0
        for tag in _TAG.finditer(text):
            where = found._step(where, text[end : tag.start()], tag)
            end = tag.end()
        found.parts[where].append(text[end:])
        if where != "outside":
            found.lenient["unclosed"] = None
        tagged = [kind for kind in found.parts if kind != "outside"]
        if any(len(found.parts[kind]) > 1 for kind in tagged):
            found.lenient["repeated"] = None
        if tagged == ["answer", "thinking"]:
            found.lenient["order"] = None
        return found

    @property
    def exact(self) -> bool:
        """Whether there is a reason, then an answer, and nothing to forgive."""
        both = {"thinking", "answer"} <= self.parts.keys()
        return both and not self.lenient and not self.text("outside")

    def text(self, where: str) -> str:
        """What stands there, or nothing."""
        return "\n".join(part for part in map(str.strip, self.parts.get(where, ())) if part)

    def _step(self, where: str, before: str, tag: re.Match[str]) -> str:
        """Take in what stands before a tag; the value is where its other side belongs."""
        kind = "answer" if tag[2].lower() == "answer" else "thinking"
        if tag[2].lower() == "think":
            self.lenient["think"] = None
        elif tag[0] not in _EXACT_TAGS:
            written = tag[0] if tag[0].lower() in _EXACT_TAGS else "".join(tag[0].split())
            self.lenient["case" if written == tag[0] else "spaces"] = None
        if where != "outside" and not (tag[1] and kind == where):
            self.lenient["unclosed"] = None
        if tag[1] and where == "outside":
            self.lenient["unopened"] = None
            where = kind
        self.parts[where].append(before)
        return "outside" if tag[1] else kind


def _choices(answer: str) -> set[str]:
    """Every image that the text of an answer names."""
    if answer.strip("*_\"'(). ").upper() in ("A", "B"):
        answer = answer.upper()
    choices = set()
    for word in _LETTER.finditer(answer):
        letter = (word[1] or word[2] or "").upper()
        choices.add(letter or ("A" if word[3].lower() == "left" else "B"))
    return choices


def _stated(text: str) -> tuple[set[str], list[str]]:
    """The images that sentences call the answer, and the text without those sentences."""
    choices = {match[1].upper() for match in _STATED.finditer(text)}
    if choices:
        return choices, [_STATED.sub("", text)]
    before, _, last = text.rpartition("\n")
    match = _LAST_LINE.fullmatch(last.strip())
    return ({match[1].upper()}, [before]) if match else (set(), [text])
