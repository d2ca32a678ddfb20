"""A study for one juror in a zip file, to be voted on without a server, and the way back."""

import json
import os
import uuid
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

from gpu_metrics.errors import EngineError, InputError
from gpu_metrics.study.ballots import Ballot
from gpu_metrics.study.manifest import IMAGES, Key, Manifest
from gpu_metrics.study.model import Document
from gpu_metrics.study.serving import assets
from gpu_metrics.study.serving.received import LARGEST_BALLOT, received
from gpu_metrics.study.serving.state import short_hash, state, tokens_of
from gpu_metrics.study.store import BallotStore
from gpu_metrics.study.votes import check_key


class BallotFile(Document):
    """What a juror saves in a bundle: ballots, and the invitation that shows whose they are."""

    study: str
    juror: str
    invitation: str
    ballots: tuple[Ballot, ...]


def write_bundle(
    path: Path,
    study: Path,
    manifest: Manifest,
    key: Key,
    juror: str,
    *,
    cast: Collection[str] = (),
) -> None:
    """Write the zip file of one juror, whole or not at all; nobody else can read it.

    Unpacked, its `index.html` works from the disk. It holds no image but those on the juror's own
    screens, and says nothing of teams: all files have one time, and images the order of tokens.

    Args:
        path: The file, replaced if it is there.
        study: The folder of the study.
        manifest, key: What the study was made with.
        juror: The id of the seat.
        cast: Ids of screens that the juror has voted on already.

    Raises:
        InputError: The key is another study's.
        EngineError: An image is not what it was, or the file cannot be written.
    """
    check_key(key, manifest)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for name, data in _contents(study, manifest, key, juror, cast):
                archive.writestr(zipfile.ZipInfo(f"{juror}/{name}"), data)
        part.replace(path)
    except OSError as error:
        raise EngineError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def import_ballots(path: Path, store: BallotStore) -> int:
    """Keep the ballots that a juror saved: all of them or none; those that are there stay.

    Returns:
        How many are new.

    Raises:
        InputError: The file is not one of this study's, does not show whose it is, or a ballot
            does not fit or contradicts one that is there.
        EngineError: The ballots cannot be kept.
    """
    manifest = store.manifest
    saved = received(BallotFile, _read(path, manifest), where=str(path))
    if saved.study != short_hash(manifest):
        raise InputError(
            f"{path}: from another study, {saved.study!r:.20}; this one is {short_hash(manifest)!r}"
        )
    juror = manifest.seat_of(saved.invitation)
    if juror is None or juror != saved.juror:
        raise InputError(f"{path}: its invitation is not that of {saved.juror!r:.40}")
    try:
        return store.cast_all(juror, saved.ballots)
    except InputError as error:
        raise type(error)(f"{path}, {juror}: {error}") from error


def _contents(
    study: Path, manifest: Manifest, key: Key, juror: str, cast: Collection[str]
) -> Iterator[tuple[str, str | bytes]]:
    known = state(manifest, juror, cast) | {"invitation": key.jurors[juror].invitation}
    yield "index.html", assets.juror_page(manifest.title, bundle=True)
    yield "state.js", f"window.STUDY_STATE = {json.dumps(known)};\n"
    yield from assets.static_files().items()
    for token in tokens_of(manifest, juror):
        yield f"{IMAGES}/{token}.png", assets.image(study, manifest, token)


def _read(path: Path, manifest: Manifest) -> bytes:
    largest = LARGEST_BALLOT * (1 + len(manifest.screens))
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > largest:
        raise InputError(f"{path}: expected at most {largest} bytes, which any ballots fit into")
    return data
