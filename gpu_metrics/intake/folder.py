"""A folder of a stranger: listed without following links, read without waiting for pipes."""

import os
import stat
from functools import partial
from pathlib import Path

from gpu_metrics.errors import EngineError, InputError
from gpu_metrics.intake.listing import File, Limits, Listing, too_many
from gpu_metrics.names import litter

# each system has some of these; Windows has no links to refuse, but texts to leave as they are
_FLAGS = sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))


def list_folder(folder: Path, title: str, limits: Limits) -> Listing:
    """Every file below a folder; links and devices carry a fault, litter is not looked into.

    Raises:
        SubmissionError: There are more files and folders than `limits` has.
        EngineError: The folder itself cannot be read.
    """
    files: list[File] = []
    waiting, seen = [""], 0
    while waiting:
        parent = waiting.pop()
        try:
            with os.scandir(folder / parent) as entries:
                for entry in entries:
                    seen += 1
                    if seen > limits.files:
                        raise too_many(title, limits)
                    name = parent + entry.name
                    if entry.is_dir(follow_symlinks=False) and not litter(name):
                        waiting.append(f"{name}/")
                    else:
                        files.append(_file(entry, name))
        except OSError as error:
            if not parent:
                raise EngineError(f"{title}: cannot be read: {error.strerror}") from error
            files.append(File(parent, 0, _never, f"cannot be read: {error.strerror}"))
    return Listing(title, tuple(files))


def _file(entry: os.DirEntry[str], name: str) -> File:
    if entry.is_symlink():
        return File(name, 0, _never, "a symbolic link; put the file itself in its place")
    if not entry.is_file(follow_symlinks=False):
        return File(name, 0, _never, "neither a file nor a folder")
    size = entry.stat(follow_symlinks=False).st_size
    return File(name, size, partial(_read, entry.path, size))


def _read(path: str, size: int) -> bytes:
    try:
        with open(path, "rb", opener=lambda name, _: os.open(name, os.O_RDONLY | _FLAGS)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError("is no file any more; it changed while it was being scored")
            data = file.read(size + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from error
    if len(data) != size:
        raise InputError(f"is not of {size:,} bytes any more; it changed while it was being scored")
    return data


def _never() -> bytes:
    raise InputError("is not a file that can be read")
