"""A submission as a stream of decoded images, each beside the reference image it answers to."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gpu_metrics.errors import InputError, SubmissionError
from gpu_metrics.images import Picture, color_of, picture_of
from gpu_metrics.intake.entries import Entries, open_entries
from gpu_metrics.names import printable
from gpu_metrics.pairing import find_submission
from gpu_metrics.profiles import Images
from gpu_metrics.reference import Reference, ReferenceImage

Submission = str | Path | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One image of a submission, not yet read. `file` is its place inside the submission."""

    target: ReferenceImage
    file: str
    read: Callable[[], Picture]


def open_submission(
    submission: Submission, reference: Reference, rules: Images
) -> tuple[list[Candidate], list[str]]:
    """A candidate for each reference image, sorted by id, and remarks on files passed over.

    Raises:
        SubmissionError: Images are missing, too many or ambiguous; all faults are listed.
    """
    if isinstance(submission, Mapping):
        return _arrays(submission, reference), []
    entries = open_entries(submission)
    expected = [image.files for image in reference.images.values()]
    found, remarks = find_submission(entries.names, expected, rules)
    candidates = [
        Candidate(
            target=reference.images[id_],
            file=printable(name),
            read=partial(_picture, entries, name),
        )
        for id_, name in sorted(found.items())
    ]
    return candidates, [*entries.remarks, *remarks]


def decoded(
    candidates: list[Candidate], *, threads: int
) -> Iterator[tuple[Candidate, Picture | str]]:
    """Each candidate in order with its pixels, or with the reason why it cannot be scored.

    Threads decode ahead, but never more than twice their number of images.
    """
    waiting: deque[tuple[Candidate, Future[Picture | str]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for candidate in candidates:
            waiting.append((candidate, pool.submit(_load, candidate)))
            if len(waiting) > 2 * threads:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()


def title(submission: Submission) -> str:
    """What a record calls a submission that was given no name."""
    if isinstance(submission, Mapping):
        return "arrays"
    return printable(Path(submission).resolve().name)


def _arrays(submission: Mapping[str, Any], reference: Reference) -> list[Candidate]:
    missing = [f"{id_}: missing" for id_ in reference.images if id_ not in submission]
    extra = [f"{id_}: no image of the set" for id_ in submission if id_ not in reference.images]
    if missing or extra:
        raise SubmissionError("the arrays do not match the reference set:", [*missing, *extra])
    return [
        Candidate(target, file=id_, read=partial(picture_of, submission[id_]))
        for id_, target in reference.images.items()
    ]


def _picture(entries: Entries, name: str) -> Picture:
    return color_of(entries.read(name))


def _load(candidate: Candidate) -> Picture | str:
    try:
        picture = candidate.read()
    except InputError as error:
        return str(error)
    actual, expected = picture.pixels.shape, candidate.target.pixels.shape
    if actual == expected:
        return picture
    swapped = (actual[2], actual[1]) == (expected[1], expected[2])
    hint = "; width and height swapped?" if swapped else ""
    return f"{picture.size}, the reference is {candidate.target.size}{hint}"
