"""Which files belong together: ids of images, one submission file per id, every fault listed."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gpu_metrics.catalog import did_you_mean
from gpu_metrics.errors import ReferenceSetError, SubmissionError
from gpu_metrics.ids import NESTED, images_by_id
from gpu_metrics.names import folded, litter, printable, top_folder
from gpu_metrics.profiles import Images, Profile

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
class Match:
    """The file of each id, as far as there is one, and everything that keeps it from fitting."""

    found: Mapping[str, str]
    expected: int
    problems: tuple[str, ...]
    remarks: tuple[str, ...]

    def check(self) -> None:
        """Raise SubmissionError with all problems, if there are any."""
        if self.problems:
            count = f"{len(self.found)} of {self.expected} images found"
            summary = f"the submission does not match the reference set ({count}):"
            raise SubmissionError(summary, self.problems)


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


def find_reference(
    folders: Folders, profile: Profile, *, masks: bool = True
) -> list[ReferenceFiles]:
    """Ground truth and masks, paired by id and sorted; every fault of the set in one error.

    Args:
        masks: Whether masks must be there, where the profile needs them.
    """
    masks = masks and profile.needs_masks
    if profile.images.pairing == "manifest":
        return _read_manifest(folders, profile, masks=masks)
    for folder in (folders.gt, folders.masks if masks else None):
        if folder is not None and not folder.is_dir():
            raise ReferenceSetError(f"{folder}: expected a folder")
    truth, problems = _find(folders.gt, profile.images, skip=profile.images.skip)
    if not truth and not problems:
        problems.append(f"{folders.gt}: no images; expected {', '.join(profile.images.extensions)}")
    people: Mapping[str, Path] = {}
    if masks:
        if folders.masks is None:
            wanted = " or ".join(f"{name}/" for name in _MASK_FOLDERS)
            raise ReferenceSetError(
                f"{folders.gt.parent}: {profile.name} scores regions and needs masks; expected "
                f"{wanted} beside the ground truth"
            )
        people, faults = _find(folders.masks, profile.images, skip=None)
        problems += faults
        problems += [f"{truth[i]}: has no mask" for i in sorted(truth.keys() - people.keys())]
        problems += [f"{people[i]}: has no ground truth" for i in sorted(people.keys() - truth)]
    if problems:
        raise ReferenceSetError("the reference set cannot be used:", problems)
    return [
        ReferenceFiles(id_, path, people.get(id_), expected=id_)
        for id_, path in sorted(truth.items())
    ]


def find_submission(
    names: Iterable[str], reference: Iterable[ReferenceFiles], rules: Images
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The submission's file for each id of the reference, and remarks on files passed over.

    Args:
        names: Files of the submission, with / between folders.

    Raises:
        SubmissionError: Files are missing, too many, or share an id; all of them are listed.
    """
    match = match_submission(names, {files.expected: files.id for files in reference}, rules)
    match.check()
    return dict(match.found), match.remarks


def match_submission(names: Iterable[str], wanted: Mapping[str, str], rules: Images) -> Match:
    """As `find_submission`, but with the faults beside what was found in spite of them.

    Args:
        wanted: From what a file must be called, or the id in its name, to what records call it.
    """
    named = images_by_id(sorted(names), rules, skip=rules.skip, shown=printable)
    files = named.files
    if rules.pairing == "manifest" and not wanted.keys() & files.keys():
        # a folder around all files is left out of their names, even one that is expected
        files = {top_folder(wanted) + key: name for key, name in files.items()}
    nested = [text for text in named.ignored if text.endswith(NESTED)]
    return Match(
        found={wanted[key]: name for key, name in files.items() if key in wanted},
        expected=len(wanted),
        problems=(
            *named.problems,
            *_mismatches(files, wanted, rules),
            *(nested if wanted.keys() - files.keys() else ()),
        ),
        remarks=tuple(named.ignored),
    )


def _mismatches(
    files: Mapping[str, str], wanted: Mapping[str, str], rules: Images
) -> Iterator[str]:
    """Expected files that are missing, and files that nobody expects."""
    missing = sorted(wanted.keys() - files.keys())
    extra = sorted(files.keys() - wanted.keys())
    alike = {folded(key): key for key in extra}
    renamed = set()
    # the nearest of many names takes long to find, and would help nobody
    known = list(map(printable, extra)) if len(missing) * len(extra) <= 10_000 else []
    for key in missing:
        if found := alike.pop(folded(key), None):
            renamed.add(found)
            name = files[found]
            expected = PurePosixPath(name).with_stem(key).name if rules.pairing == "stem" else key
            # without a word these would look the same
            form = ", in another Unicode form" if found.casefold() != key.casefold() else ""
            yield f"found {printable(name)}, expected {printable(expected)}{form}"
        else:
            yield f"{printable(key)}: missing{did_you_mean(printable(key), known)}"
    for key in extra:
        if key not in renamed:
            yield f"{printable(files[key])}: no image of the set is called {printable(key)}"


def _find(folder: Path, rules: Images, *, skip: str | None) -> tuple[dict[str, Path], list[str]]:
    """Images of a folder of the host by id, and problems, which name them with their paths."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    names = sorted(name for path in paths if not litter(name := path.as_posix()))
    named = images_by_id(names, rules, skip=skip, shown=lambda name: str(folder / name))
    return {id_: folder / name for id_, name in named.files.items()}, named.problems


def _read_manifest(folders: Folders, profile: Profile, *, masks: bool) -> list[ReferenceFiles]:
    """Rows `id,gt,mask,submission` of manifest.csv; paths are relative to its folder."""
    if folders.manifest is None:
        raise ReferenceSetError(
            f"{folders.gt}: {profile.name} pairs by manifest; expected {MANIFEST} in the "
            "reference folder"
        )
    columns = ["id", "gt", *(["mask"] if masks else []), "submission"]
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
        gt, mask = root / row["gt"], root / row["mask"] if masks else None
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
