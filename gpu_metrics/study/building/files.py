"""The files of a study: images under tokens, a folder that appears whole, a key that is private."""

import hashlib
import os
import shutil
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gpu_metrics.errors import EngineError, SubmissionError
from gpu_metrics.study.building.gallery import Gallery
from gpu_metrics.study.building.pictures import made_alike
from gpu_metrics.study.building.seats import Screens, input_token, result_token
from gpu_metrics.study.building.tokens import salt, token
from gpu_metrics.study.manifest import Kind, Token

# what all files of a study say they were changed at: the first second of 2000, in UTC
MOMENT = 946_684_800

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Written:
    """The hash of every image's file by token, sorted; width and height of every scene."""

    hashes: dict[Token, str]
    sizes: dict[str, tuple[int, int]]


def write_images(
    folder: Path,
    gallery: Gallery,
    scenes: Screens,
    secret: bytes,
    on_progress: OnProgress | None = None,
) -> Written:
    """Write `TOKEN.png` for every image of every screen into a folder; see `pictures`.

    They are written in the order of tokens, so that the order in which a file system lists them
    says nothing either. One scene at a time is in memory.

    Raises:
        SubmissionError: Images cannot be shown; those of all scenes are listed.
    """
    kinds: dict[str, list[Kind]] = defaultdict(list)
    for kind, of_kind in scenes.items():
        for scene in of_kind:
            kinds[scene].append(kind)
    problems: list[str] = []
    written = Written({}, {})
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        turns = sorted(kinds, key=lambda scene: token(secret, "turn", scene))
        for done, scene in enumerate(turns, start=1):
            try:
                shown, results = gallery.read(scene, pool)
            except SubmissionError as error:
                problems += error.problems
                continue
            written.sizes[scene] = shown.size
            for kind in kinds[scene] if not problems else ():
                beginnings = {input_token(secret, kind, scene): shown.beginning} | {
                    result_token(secret, kind, scene, team): picture.beginning
                    for team, picture in results.items()
                }
                salts = {name: salt(secret, name) for name in beginnings}
                for name, data in sorted(made_alike(beginnings, salts).items()):
                    path = folder / f"{name}.png"
                    path.write_bytes(data)
                    os.utime(path, (MOMENT, MOMENT))
                    written.hashes[name] = hashlib.sha256(data).hexdigest()
            if on_progress is not None:
                on_progress(done, len(turns))
    if problems:
        raise SubmissionError("a study cannot be built from these images:", sorted(problems))
    return Written(dict(sorted(written.hashes.items())), written.sizes)


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """A folder beside a new one, to be renamed to it; gone at the end if it was not.

    Raises:
        EngineError: Something cannot be written.
    """
    part = folder.absolute().with_name(f".{folder.name}.{uuid.uuid4().hex}")
    with _written(folder):
        try:
            part.mkdir(parents=True)
            yield part
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextmanager
def private_file(path: Path, text: str) -> Iterator[None]:
    """Write a new file that nobody else can read; gone again if the `with` statement fails.

    Raises:
        EngineError: It cannot be written.
    """
    with _written(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with _written(path), open(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield
    except BaseException:
        path.unlink()
        raise


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Name what could not be written."""
    try:
        yield
    except OSError as error:
        raise EngineError(f"{path}: cannot be written: {error.strerror or error}") from error
