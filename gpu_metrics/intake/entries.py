"""A submission's files in one form, whether they come as a folder, a zip file or named bytes."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from weakref import finalize

from gpu_metrics.errors import InputError, SubmissionError
from gpu_metrics.intake.archive import open_archive
from gpu_metrics.intake.folder import list_folder
from gpu_metrics.intake.listing import File, Limits, Listing, too_many
from gpu_metrics.intake.readme import README, README_BYTES, parse_readme
from gpu_metrics.names import folded, litter, printable, top_folder

Source = str | Path | Mapping[str, bytes] | Iterable[tuple[str, bytes]]


class Entries:
    """The files of a submission by name, with / between folders, sorted; open until closed.

    Litter of operating systems and a folder around everything are left out of `names` and told in
    `remarks`. `readme` is what a `readme.txt` of the NTIRE form says, None where there is none.
    """

    def __init__(self, listing: Listing, limits: Limits) -> None:
        self._files, self.remarks = _checked(listing, limits)
        self.names = tuple(sorted(self._files))
        self.readme = self._readme()
        self._finalizer = finalize(self, listing.close)

    def size(self, name: str) -> int:
        """Bytes of a file, as the folder or the archive has it."""
        return self._file(name).size

    def read(self, name: str) -> bytes:
        """All bytes of a file, from any thread; InputError where it is damaged or unreadable."""
        return self._file(name).read()

    def close(self) -> None:
        """Close what is open; nothing can be read any more."""
        self._finalizer()

    def __enter__(self) -> "Entries":
        """These files, which the end of the `with` statement closes."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close, whatever happened."""
        self.close()

    def _file(self, name: str) -> File:
        if name not in self._files:
            raise InputError(f"no file of the submission is called {printable(name)}")
        return self._files[name]

    def _readme(self) -> Mapping[str, str] | None:
        names = [name for name in self.names if name.rpartition("/")[2].lower() == README]
        names.sort(key=lambda name: name.count("/"))
        if not names or self.size(names[0]) > README_BYTES:
            return None
        with suppress(InputError):
            return parse_readme(self.read(names[0]))
        return None


def open_entries(source: Source, *, limits: Limits | None = None) -> Entries:
    """The files of a folder, a zip file (told by its first bytes), or bytes by name.

    Args:
        limits: Bounds on number and size; those of `Limits()` by default.

    Raises:
        SubmissionError: The submission is refused as a whole: no zip file, or one that is cut
            short, encrypted or made to burst; links or devices; names that leave the folder, or
            that are the same but for case or Unicode form; too many or too large files; none at
            all. Every fault is listed.
        EngineError: The folder or the zip file cannot be read.
    """
    limits = limits or Limits()
    if not isinstance(source, str | Path):
        return Entries(_named(source, limits), limits)
    path = Path(source)
    title = printable(path.resolve().name)
    listing = (list_folder if path.is_dir() else open_archive)(path, title, limits)
    try:
        return Entries(listing, limits)
    except BaseException:
        listing.close()
        raise


def _named(source: Mapping[str, bytes] | Iterable[tuple[str, bytes]], limits: Limits) -> Listing:
    title, files = "the files", list[File]()
    for name, data in source.items() if isinstance(source, Mapping) else source:
        if not isinstance(data, bytes):
            raise InputError(f"{printable(name)}: expected bytes, got {type(data).__name__}")
        if len(files) == limits.files:
            raise too_many(title, limits)
        files.append(File(name, len(data), partial(bytes, data)))
    return Listing(title, tuple(files))


def _checked(listing: Listing, limits: Limits) -> tuple[dict[str, File], tuple[str, ...]]:
    """Files by tidy name, and remarks; SubmissionError with everything that must not be."""
    problems, left = list(listing.problems), dict[str, None]()
    same: dict[str, list[str]] = defaultdict(list)
    files: dict[str, File] = {}
    for file in listing.files:
        name = "/".join(part for part in file.name.split("/") if part not in ("", "."))
        if reason := _escape(file.name):
            problems.append(f"{printable(file.name)}: {reason}")
        elif found := litter(name):
            left[found] = None
        elif reason := file.fault or _too_large(file, limits):
            problems.append(f"{printable(name)}: {reason}")
        else:
            same[folded(name)].append(name)
            files[name] = file
    problems += [_twins(names) for names in same.values() if len(names) > 1]
    total = sum(file.size for file in files.values())
    if total > limits.total_bytes:
        problems.append(f"{total:,} bytes in all; expected at most {limits.total_bytes:,}")
    if problems:
        raise SubmissionError(f"{listing.title}: cannot be accepted as it is:", problems)
    if not files:
        raise SubmissionError(f"{listing.title}: no files in it; expected images")
    return _without_top(files, left)


def _escape(name: str) -> str | None:
    """Why a name is not the plain path of a file inside of the submission."""
    if "\\" in name or "\0" in name:
        return (
            "expected / between folders and no other mark; make the zip file with another program"
        )
    if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in name.split("/"):
        return "leads out of the submission"
    return None if name.strip("./") else "expected a name"


def _too_large(file: File, limits: Limits) -> str | None:
    if file.size <= limits.file_bytes:
        return None
    return f"{file.size:,} bytes; expected at most {limits.file_bytes:,}"


def _twins(names: list[str]) -> str:
    different = [printable(name) for name in sorted(set(names))]
    if len(different) == 1:
        return f"{different[0]}: comes {len(names)} times"
    return f"{' and '.join(different)}: the same name but for case or Unicode form"


def _without_top(
    files: Mapping[str, File], left: Iterable[str]
) -> tuple[dict[str, File], tuple[str, ...]]:
    remarks = []
    if names := sorted(printable(name) for name in left):
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        remarks.append(f"{', '.join(names[:10])}{more}: passed over, left by a system or a tool")
    if top := top_folder(files):
        remarks.append(f"{printable(top)}: passed over, the folder around all files")
    return {name.removeprefix(top): file for name, file in files.items()}, tuple(remarks)
