"""Which files belong together: ids of images, one submission file per id, every fault listed."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gpu_metrics.catalog import did_you_mean
from gpu_metrics.errors import ReferenceSetError, SubmissionError
from gpu_metrics.profiles import Images, Profile

_LITTER = {"__MACOSX", "Thumbs.db", "desktop.ini"}
_GT_FOLDERS = ("gt", "ref")
_MASK_FOLDERS = ("mask", "mask_personmask")
MANIFEST = "manifest.csv"


@dataclass(frozen=True, slots=True)
class ReferenceFiles:
    """One image of the reference set. `expected` is the id or name a submission file must have."""

    id: str
    gt: Path
    mask: Path | None
    expected: str


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a reference set lies."""

    gt: Path
    masks: Path | None
    manifest: Path | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    files: dict[str, Path]
    problems: list[str]
    ignored: list[str]


def reference_folders(reference: Path) -> Folders:
    """The folders of a reference set: `gt` (or `ref`) and `mask` (or `mask_personmask`)."""
    if not reference.is_dir():
        raise ReferenceSetError(f"{reference}: expected a folder with gt/ and mask/")
    manifest = reference / MANIFEST if (reference / MANIFEST).is_file() else None
    gt = next((f for name in _GT_FOLDERS if (f := reference / name).is_dir()), None)
    masks = next((f for name in _MASK_FOLDERS if (f := reference / name).is_dir()), None)
    if gt is None and manifest is None:
        here = ", ".join(sorted(p.name for p in reference.iterdir())[:10]) or "nothing"
        raise ReferenceSetError(
            f"{reference}: expected a folder gt/ (or ref/) inside, or {MANIFEST}; it holds {here}"
        )
    return Folders(gt or reference, masks, manifest)


def find_reference(folders: Folders, profile: Profile) -> list[ReferenceFiles]:
    """Ground truth and masks, paired by id and sorted; every fault of the set in one error."""
    if profile.images.pairing == "manifest":
        return _read_manifest(folders, profile)
    for folder in (folders.gt, folders.masks if profile.needs_masks else None):
        if folder is not None and not folder.is_dir():
            raise ReferenceSetError(f"{folder}: expected a folder")
    truth = _find(folders.gt, profile.images, skip=profile.images.skip)
    problems = truth.problems
    if not truth.files and not problems:
        problems.append(f"{folders.gt}: no images; expected {', '.join(profile.images.extensions)}")
    masks: Mapping[str, Path] = {}
    if profile.needs_masks:
        if folders.masks is None:
            wanted = " or ".join(f"{name}/" for name in _MASK_FOLDERS)
            raise ReferenceSetError(
                f"{folders.gt.parent}: {profile.name} scores regions and needs masks; expected "
                f"{wanted} beside the ground truth"
            )
        found = _find(folders.masks, profile.images, skip=None)
        problems += found.problems
        masks = found.files
        problems += [f"{truth.files[i]}: has no mask" for i in sorted(truth.files - masks.keys())]
        problems += [f"{masks[i]}: has no ground truth" for i in sorted(masks.keys() - truth.files)]
    if problems:
        raise ReferenceSetError("the reference set cannot be used:", problems)
    return [
        ReferenceFiles(id_, path, masks.get(id_), expected=id_)
        for id_, path in sorted(truth.files.items())
    ]


def find_submission(
    folder: Path, reference: Iterable[ReferenceFiles], rules: Images
) -> tuple[dict[str, Path], list[str]]:
    """The submission's file for each id of the reference, and remarks on files passed over.

    Raises:
        SubmissionError: Files are missing, too many, or share an id; all of them are listed.
    """
    if not folder.is_dir():
        raise SubmissionError(f"{printable(folder.name)}: expected a folder of images")
    reference = list(reference)
    if rules.pairing == "manifest":
        found = _find_named(folder, rules)
    else:
        found = _find(folder, rules, skip=rules.skip, shown=folder)
    wanted = {files.expected: files.id for files in reference}
    missing = sorted(wanted.keys() - found.files.keys())
    extra = sorted(found.files.keys() - wanted.keys())
    problems = list(found.problems)
    problems += [f"{id_}: missing{did_you_mean(id_, extra)}" for id_ in missing]
    problems += [
        f"{_shown(found.files[id_], folder)}: no image of the set is called {id_}" for id_ in extra
    ]
    if problems:
        count = f"{len(wanted) - len(missing)} of {len(wanted)} images found"
        raise SubmissionError(
            f"the submission does not match the reference set ({count}):", problems
        )
    return {wanted[key]: path for key, path in found.files.items()}, found.ignored


def _find(folder: Path, rules: Images, *, skip: str | None, shown: Path | None = None) -> _Found:
    """Images of a folder by id; `shown` is the folder that messages must not look behind."""
    found = _Found({}, [], [])
    for path in _images(folder, rules, skip, found.ignored):
        name = _shown(path, shown)
        id_ = _id(path.stem, rules)
        if id_ is None:
            found.problems.append(f"{name}: expected three digits in the name, which are its id")
        elif id_ in found.files:
            other = _shown(found.files[id_], shown)
            found.problems.append(f"{name}: has the id {id_}, as {other} has{_run_hint(path.stem)}")
        else:
            found.files[id_] = path
    return found


def _find_named(folder: Path, rules: Images) -> _Found:
    found = _Found({}, [], [])
    for path in _images(folder, rules, rules.skip, found.ignored):
        found.files[path.relative_to(folder).as_posix()] = path
    return found


def _images(folder: Path, rules: Images, skip: str | None, ignored: list[str]) -> Iterator[Path]:
    word = skip.lower() if skip else None
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_dir() or any(part.startswith(".") or part in _LITTER for part in parts):
            continue
        if word is not None and any(word in part.lower() for part in parts):
            ignored.append(f"{_shown(path, folder)}: passed over, its name holds {skip!r}")
        elif path.suffix.lower() not in rules.extensions:
            ignored.append(f"{_shown(path, folder)}: passed over, not an image by its name")
        else:
            yield path


def _id(stem: str, rules: Images) -> str | None:
    if rules.pairing == "stem":
        return stem
    match = re.search(r"[0-9]{3}", stem)
    return match[0] if match else None


def _run_hint(stem: str) -> str:
    if re.search(r"[0-9]{4}", stem):
        return "; the id is the first three digits in a row, so 0001 and 0002 both read as 000"
    return ""


def printable(name: str) -> str:
    """A name on one line, with escapes for what terminals obey and files cannot hold."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _shown(path: Path, folder: Path | None) -> str:
    return str(path) if folder is None else printable(path.relative_to(folder).as_posix())


def _read_manifest(folders: Folders, profile: Profile) -> list[ReferenceFiles]:
    """Rows `id,gt,mask,submission` of manifest.csv; paths are relative to its folder."""
    if folders.manifest is None:
        raise ReferenceSetError(
            f"{folders.gt}: {profile.name} pairs by manifest; expected {MANIFEST} in the "
            "reference folder"
        )
    columns = ["id", "gt", *(["mask"] if profile.needs_masks else []), "submission"]
    root = folders.manifest.parent
    problems, seen, files = [], set(), []
    for number, row in _manifest_rows(folders.manifest, columns):
        where = f"{folders.manifest}, line {number}"
        if blank := [column for column in columns if not row[column]]:
            problems.append(f"{where}: {', '.join(blank)} is empty")
            continue
        for key in ("id", "submission"):
            if (key, row[key]) in seen:
                problems.append(f"{where}: {key} {row[key]!r} comes twice")
            seen.add((key, row[key]))
        gt, mask = root / row["gt"], root / row["mask"] if profile.needs_masks else None
        problems += [f"{where}: {p} is not there" for p in (gt, mask) if p and not p.is_file()]
        files.append(ReferenceFiles(row["id"], gt, mask, expected=row["submission"]))
    if problems:
        raise ReferenceSetError("the reference set cannot be used:", problems)
    return sorted(files, key=lambda f: f.id)


def _manifest_rows(manifest: Path, columns: list[str]) -> list[tuple[int, dict[str, str]]]:
    """Rows with their line numbers."""
    try:
        # spreadsheets put a byte order mark before UTF-8
        with manifest.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            names, rows = reader.fieldnames or [], [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReferenceSetError(f"{manifest}: expected CSV in UTF-8: {error}") from error
    if absent := [column for column in columns if column not in names]:
        raise ReferenceSetError(
            f"{manifest}: expected a first line with {', '.join(columns)}; "
            f"{', '.join(absent)} is not there"
        )
    if not rows:
        raise ReferenceSetError(f"{manifest}: no images; expected one line for each")
    return rows
