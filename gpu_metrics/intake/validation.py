"""Whether a submission can be scored, found out without ground truth, a GPU or torch."""

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from gpu_metrics.errors import InputError, ReferenceSetError, SubmissionError
from gpu_metrics.ids import image_id
from gpu_metrics.intake.decoding import OFFICIAL, decode, inspect
from gpu_metrics.intake.entries import Entries, Source, open_entries
from gpu_metrics.intake.kinds import kind_of
from gpu_metrics.intake.png import Header
from gpu_metrics.intake.policy import Policy
from gpu_metrics.names import printable
from gpu_metrics.pairing import Folders, find_reference, match_submission
from gpu_metrics.profiles import Images, Profile
from gpu_metrics.results import Rejection

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image that a submission should hold: what it is paired by, width and height if known."""

    id: str
    expected: str
    size: Size | None


@dataclass(frozen=True, slots=True)
class Report:
    """What would become of a submission; its author may read everything in it.

    `problems` refuse it as a whole, `rejected` are single images; `remarks` harm nobody.
    """

    submission: str
    images: int
    found: int
    problems: tuple[str, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    remarks: tuple[str, ...] = ()
    readme: Mapping[str, str] | None = None

    @property
    def status(self) -> Literal["accepted", "partial", "refused"]:
        """Whether all, some or none of it would be scored."""
        if self.problems:
            return "refused"
        return "partial" if self.rejected else "accepted"

    @property
    def fit(self) -> int:
        """How many of the images could be scored."""
        return self.found - len(self.rejected)

    def to_json(self) -> str:
        """The report as JSON text."""
        return json.dumps({"status": self.status, **asdict(self)}, indent=1, ensure_ascii=False)


def validate(
    source: Source, wanted: Sequence[Wanted], rules: Images, *, deep: bool = False
) -> Report:
    """What scoring would say of a submission before it measures anything.

    Args:
        source: A folder, a zip file, or bytes by name.
        wanted: The images that it should hold.
        rules: How files are paired and decoded.
        deep: Decode every image; without, headers and checksums are all that is looked at.

    Raises:
        EngineError: The submission cannot be read, or a decoder cannot be started.
    """
    title = printable(Path(source).resolve().name) if isinstance(source, str | Path) else "files"
    try:
        entries = open_entries(source)
    except SubmissionError as error:
        return Report(title, len(wanted), 0, error.problems or (error.summary,))
    with entries:
        match = match_submission(entries.names, {w.expected: w.id for w in wanted}, rules)
        files = {match.found[w.id]: w for w in wanted if w.id in match.found}
        rejected, notes = _inspected(entries, files, rules, deep)
    remarks = (*entries.remarks, *match.remarks, *_grouped(notes))
    return Report(title, len(wanted), len(files), match.problems, rejected, remarks, entries.readme)


def wanted_by_reference(reference: Folders, profile: Profile) -> list[Wanted]:
    """The images that a reference set asks for, with the sizes of its ground truth.

    Raises:
        ReferenceSetError: Ground truth is missing or is no image; masks are not looked at.
    """
    wanted, problems = [], []
    for files in find_reference(reference, profile, masks=False):
        try:
            wanted.append(Wanted(files.id, files.expected, _size(files.gt.read_bytes())))
        except InputError as error:
            problems.append(f"{files.gt}: {error}")
        except OSError as error:
            problems.append(f"{files.gt}: cannot be read: {error.strerror}")
    if problems:
        raise ReferenceSetError("the reference set cannot be used:", problems)
    return wanted


def wanted_by_names(path: Path, rules: Images, *, size: Size | None = None) -> list[Wanted]:
    """The images that a text file asks for: a name on each line, with `WIDTHxHEIGHT` if known.

    Args:
        size: Width and height where a line has none.

    Raises:
        InputError: The file cannot be read, or its lines name no images, or one image twice.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text: {error.reason}") from error
    wanted: dict[str, Wanted] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        size_given = re.search(r"\s([0-9]+)x([0-9]+)\s*$", line)
        name = line[: size_given.start() if size_given else None].strip()
        id_ = image_id(name, rules)
        if id_ is None:
            raise InputError(f"{where}: expected three digits in the name, got {name!r}")
        if id_ in wanted:
            raise InputError(f"{where}: {id_!r} comes twice")
        own = (int(size_given[1]), int(size_given[2])) if size_given else size
        wanted[id_] = Wanted(id_, id_, own)
    if not wanted:
        raise InputError(f"{path}: no names; expected one on each line")
    return list(wanted.values())


def _size(data: bytes) -> Size:
    # where a picture may be turned, only its decoder knows
    if kind_of(data) == "PNG" and b"eXIf" not in data:
        header = Header.parse(data)
        return header.width, header.height
    height, width, _ = decode(data, policy=OFFICIAL).pixels.shape
    return width, height


def _inspected(
    entries: Entries, files: Mapping[str, Wanted], rules: Images, deep: bool
) -> tuple[tuple[Rejection, ...], dict[str, tuple[str, ...]]]:
    """Rejected images, and remarks on the others by file."""
    policy = Policy(rules.decoding, rules.extensions)

    def look(name: str) -> tuple[str, ...] | Rejection:
        wanted = files[name]
        try:
            return inspect(entries.read(name), policy=policy, size=wanted.size, deep=deep)
        except InputError as error:
            return Rejection(wanted.id, printable(name), str(error))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(files, pool.map(look, files), strict=True))
    rejected = tuple(item for item in found.values() if isinstance(item, Rejection))
    return rejected, {name: item for name, item in found.items() if isinstance(item, tuple)}


def _grouped(notes: Mapping[str, Iterable[str]]) -> list[str]:
    """Each note once, with the first of the files that it is on."""
    files: dict[str, list[str]] = defaultdict(list)
    for name, texts in notes.items():
        for text in texts:
            files[text].append(printable(name))
    return [
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {text}"
        for text, names in files.items()
    ]
