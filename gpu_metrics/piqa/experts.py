"""The host's side: what experts chose for each pair of images, and why."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from gpu_metrics.errors import InputError, ReferenceSetError
from gpu_metrics.piqa.answers import Choice, read_answer
from gpu_metrics.piqa.lines import id_of, json_lines, text_of
from gpu_metrics.piqa.submission import digest

_CATEGORIES = {"p": "person", "s": "scene"}


@dataclass(frozen=True, slots=True)
class Expert:
    """What an expert says of one pair: the better image, why, and what kind of pair it is."""

    choice: Choice
    reason: str
    category: str | None


@dataclass(frozen=True, slots=True)
class ExpertSet:
    """The experts' answers by id, sorted. `sha256` is over everything that was read of them."""

    experts: Mapping[str, Expert]
    sha256: str


def load_experts(path: str | Path) -> ExpertSet:
    """The experts' answers in a file of JSON lines.

    A line is `{"id": ..., "category": ..., "solution": ...}`, where the category may be left out
    and the solution has the form of an answer, or a line of the track's own training file, with
    `images` and `solution`: there the id is what the first image's name has before "_merged", and
    the category follows from its first letter, p for person and s for scene.

    Raises:
        ReferenceSetError: The file cannot be used; every fault is listed.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReferenceSetError(f"{path}: cannot be read: {error.strerror}") from error
    experts: dict[str, Expert] = {}
    problems = []
    for place, record in json_lines(data, str(path)):
        try:
            if isinstance(record, InputError):
                raise record
            id_, expert = _expert(record)
            if id_ in experts:
                raise InputError(f"the id {id_!r} comes twice")
            experts[id_] = expert
        except InputError as error:
            problems.append(f"{place}: {error}")
    if not experts and not problems:
        problems.append(f"{path}: no lines; expected one for each pair")
    if problems:
        raise ReferenceSetError("the experts' answers cannot be used:", problems)
    experts = dict(sorted(experts.items()))
    texts = {id_: f"{e.choice}\n{e.category}\n{e.reason}" for id_, e in experts.items()}
    return ExpertSet(experts, digest(texts))


def load_ids(path: str | Path) -> list[str]:
    """The ids of a set without the experts' answers: a text file with one on each line."""
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text: {error.reason}") from error
    if not (ids := [id_ for line in lines if (id_ := line.strip())]):
        raise InputError(f"{path}: no ids; expected one on each line")
    return ids


def _expert(record: dict[str, Any]) -> tuple[str, Expert]:
    if "id" not in record and "images" in record:
        id_ = _id_of_images(record["images"])
        category = _CATEGORIES.get(id_[:1])
    else:
        id_ = id_of(record)
        category = text_of(record, "category") if "category" in record else None
    # the track's own lines are not all in the exact form
    answer = read_answer(text_of(record, "solution"))
    if answer.choice is None:
        raise InputError("solution: expected <answer>A</answer> or <answer>B</answer> in it")
    if not re.search("[A-Za-z0-9]", answer.reason):
        raise InputError("solution: expected words between <thinking> and </thinking>")
    return id_, Expert(answer.choice, answer.reason, category)


def _id_of_images(images: Any) -> str:
    if isinstance(images, list) and images and isinstance(images[0], str):
        id_, merged, _ = PurePosixPath(images[0]).name.partition("_merged")
        if id_ and merged:
            return id_
    raise InputError('images: expected names such as "p_000_merged_c0.jpg"; or give an id')
