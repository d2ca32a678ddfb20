"""How answers to pairs of images are read, and what a language model is asked about them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from gpu_metrics.errors import ProfileError
from gpu_metrics.profiles.checks import check_choice, check_keys

_JUDGE = {
    "rubric": "a string",
    "lowest": "a whole number",
    "highest": "a whole number",
    "temperature": "a number",
    "seed": "a whole number",
}


@dataclass(frozen=True, slots=True)
class Judge:
    """What a language model is asked, and how it samples.

    `lowest` and `highest` bound the whole numbers that it may answer with. `model` is the one to
    ask, None where the host chooses; the run record names it either way.
    """

    rubric: str
    lowest: int
    highest: int
    temperature: float
    seed: int
    model: str | None


@dataclass(frozen=True, slots=True)
class Answers:
    """How answers are read: "strict" takes the exact form alone, "lenient" what comes near it."""

    reading: Literal["strict", "lenient"]
    judge: Judge | None

    @property
    def rules(self) -> dict[str, Any]:
        """Everything that moves a score, as plain data."""
        return asdict(self)


def parse_answers(table: Mapping[str, Any], *, where: str) -> Answers:
    """Read `[answers]` and `[answers.judge]`; ProfileError says what does not fit."""
    check_keys(table, {"reading": "a string"}, {"judge": "a table"}, where=f"{where}, [answers]")
    check_choice("reading", table["reading"], ["strict", "lenient"], where=f"{where}, [answers]")
    judge = table.get("judge")
    return Answers(
        table["reading"],
        None if judge is None else _judge(judge, where=f"{where}, [answers.judge]"),
    )


def _judge(table: Mapping[str, Any], *, where: str) -> Judge:
    check_keys(table, _JUDGE, {"model": "a string"}, where=where)
    rubric, lowest, highest = table["rubric"].strip(), table["lowest"], table["highest"]
    if not rubric:
        raise ProfileError(f"{where}: rubric is empty; say what the judge should look at")
    if not lowest < highest:
        raise ProfileError(f"{where}: lowest must be below highest, got {lowest} and {highest}")
    if not 0 <= table["temperature"] <= 2:
        raise ProfileError(f"{where}: temperature must lie in 0..2, got {table['temperature']}")
    return Judge(
        rubric,
        lowest,
        highest,
        float(table["temperature"]),
        table["seed"],
        table.get("model"),
    )
