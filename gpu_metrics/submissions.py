"""A submission as candidates: images not read yet, each beside the reference it answers to."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from gpu_metrics.cache import CachedRow
from gpu_metrics.errors import InputError, SubmissionError
from gpu_metrics.images import picture_of
from gpu_metrics.intake.decoding import Decoded, decode
from gpu_metrics.intake.entries import Entries, open_entries
from gpu_metrics.intake.policy import Policy
from gpu_metrics.names import printable
from gpu_metrics.pairing import find_submission
from gpu_metrics.profiles import Images
from gpu_metrics.reference import Reference, ReferenceImage
from gpu_metrics.results import Rejection
from gpu_metrics.timeline import span

Submission = str | Path | Mapping[str, Any] | Iterable[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Upload:
    """One image as it was handed in: the hash of its bytes, and a way to its pixels."""

    sha256: str
    decode: Callable[[], Decoded]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One image of a submission, not yet read. `file` is its place inside the submission."""

    target: ReferenceImage
    file: str
    read: Callable[[], Upload]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where pixels came from: the file, its hash, what decoded it, and what is worth telling."""

    target: ReferenceImage
    file: str
    sha256: str
    decoder: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A candidate with its pixels, of the size of its reference."""

    origin: Origin
    pixels: UInt8[Tensor, "3 H W"]


@dataclass(frozen=True, slots=True)
class Stored:
    """A candidate whose values are known from an earlier run."""

    origin: Origin
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Opened:
    """A candidate for each reference image, sorted by id, and what there is to say of the rest."""

    candidates: tuple[Candidate, ...]
    remarks: tuple[str, ...]
    readme: Mapping[str, str] | None = None


@contextmanager
def opened(submission: Submission, reference: Reference, rules: Images) -> Iterator[Opened]:
    """A folder, a zip file, named bytes, or arrays by id, ready to be read.

    Raises:
        SubmissionError: Images are missing, too many or ambiguous, or the archive is not to be
            trusted; all faults are listed.
    """
    if isinstance(submission, Mapping) and not _named_bytes(submission):
        yield Opened(_arrays(submission, reference), ())
        return
    with open_entries(submission) as entries:
        expected = [image.files for image in reference.images.values()]
        found, remarks = find_submission(entries.names, expected, rules)
        candidates = [
            _candidate(entries, name, reference.images[id_], rules)
            for id_, name in sorted(found.items())
        ]
        yield Opened(tuple(candidates), (*entries.remarks, *remarks), entries.readme)


def load(
    candidate: Candidate, known: Callable[[ReferenceImage, str], CachedRow | None]
) -> Loaded | Stored | Rejection:
    """Read and decode a candidate, or tell why that cannot be, or what is known of it already.

    Args:
        known: The row that is stored for a reference image and the hash of a candidate's bytes.
    """
    target, file = candidate.target, candidate.file
    try:
        with span("read and hash"):
            upload = candidate.read()
        if (row := known(target, upload.sha256)) is not None:
            origin = Origin(target, file, upload.sha256, row.decoder, row.notes)
            return Stored(origin, row.values)
        with span("decode"):
            found = upload.decode()
    except InputError as error:
        return Rejection(target.id, file, str(error))
    origin = Origin(target, file, upload.sha256, found.decoder, found.notes)
    return Loaded(origin, torch.from_numpy(found.pixels).permute(2, 0, 1))


def title(submission: Submission) -> str:
    """What a record calls a submission that was given no name."""
    if not isinstance(submission, str | Path):
        return "arrays"
    path = Path(submission).resolve()
    return printable(path.stem if path.suffix.lower() == ".zip" else path.name)


def _candidate(entries: Entries, name: str, target: ReferenceImage, rules: Images) -> Candidate:
    height, width = target.pixels.shape[1:]
    policy = Policy(rules.decoding, rules.extensions)

    def read() -> Upload:
        data = entries.read(name)
        decoding = partial(decode, data, policy=policy, size=(width, height))
        return Upload(hashlib.sha256(data).hexdigest(), decoding)

    return Candidate(target, printable(name), read)


def _named_bytes(submission: Mapping[str, Any]) -> bool:
    return bool(submission) and all(isinstance(item, bytes) for item in submission.values())


def _arrays(submission: Mapping[str, Any], reference: Reference) -> tuple[Candidate, ...]:
    missing = [f"{id_}: missing" for id_ in reference.images if id_ not in submission]
    extra = [f"{id_}: no image of the set" for id_ in submission if id_ not in reference.images]
    if missing or extra:
        raise SubmissionError("the arrays do not match the reference set:", [*missing, *extra])
    return tuple(
        Candidate(target, id_, partial(_array, submission[id_], target))
        for id_, target in reference.images.items()
    )


def _array(array: object, target: ReferenceImage) -> Upload:
    picture = picture_of(array)
    actual, expected = picture.pixels.shape, target.pixels.shape
    if actual != expected:
        swapped = (actual[2], actual[1]) == (expected[1], expected[2])
        hint = "; width and height swapped?" if swapped else ""
        raise InputError(f"{picture.size}, the reference is {target.size}{hint}")
    rows: np.ndarray = picture.pixels.permute(1, 2, 0).numpy()
    return Upload(picture.sha256, lambda: Decoded(rows, "none: arrays", ()))
