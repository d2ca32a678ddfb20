"""The bundle that Codabench makes a competition from, as a folder or a zip file."""

import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import yaml

from gpu_metrics.errors import EngineError, InputError, ReferenceSetError
from gpu_metrics.intake.validation import Wanted, wanted_by_reference
from gpu_metrics.pairing import Folders, find_reference
from gpu_metrics.platforms.codabench import competition as files
from gpu_metrics.platforms.codabench import pages
from gpu_metrics.platforms.codabench.competition import Competition, command, describe
from gpu_metrics.platforms.codabench.pictures import grey, logo
from gpu_metrics.profiles import Profile

# zip files know no earlier day; the same one for all gives the same bytes for the same bundle
_DAY = (1980, 1, 1, 0, 0, 0)


def write_bundle(
    target: Path,
    competition: Competition,
    profile: Profile,
    *,
    reference: Folders | None = None,
    weights: Mapping[str, bytes] | None = None,
    texts: Mapping[str, str] | None = None,
    picture: Path | None = None,
) -> None:
    """Write a complete bundle, whole or not at all.

    Args:
        target: A zip file, if it ends so, else a folder; it must not be there yet.
        competition: What the hosts decide.
        profile: Its text travels with the scoring program and the kit.
        reference: Ground truth and masks. Without them the bundle holds no reference data, and
            its kit neither names nor a sample submission.
        weights: Files of networks by name, for a scoring program that fetches nothing.
        texts: Pages in Markdown by title, before or instead of those told from the profile;
            "Terms" are what participants agree to.
        picture: The logo, PNG or JPEG.

    Raises:
        InputError, ProfileError: Something does not fit, or the target is there already.
        ReferenceSetError: Ground truth and masks do not fit the profile.
        EngineError: Files cannot be read or written.
    """
    if target.exists():
        raise InputError(f"{target}: is there already; name another file or folder")
    wanted = [] if reference is None else wanted_by_reference(reference, profile)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".bundle") as temporary:
            folder = Path(temporary) / "bundle"
            _write_pages(folder, competition, profile, wanted, texts or {}, picture)
            _write_program(folder / files.PROGRAM, competition, profile, weights or {})
            _write_kit(folder / files.KIT, profile, wanted)
            if reference is not None:
                _copy_reference(folder / files.REFERENCE, reference, profile)
            if target.suffix == ".zip":
                folder = zip_folder(folder, Path(temporary) / "bundle.zip")
            folder.rename(target)
    except OSError as error:
        raise EngineError(f"{error.filename or target}: {error.strerror or error}") from error


def zip_folder(folder: Path, target: Path) -> Path:
    """A zip file of everything below a folder; the same files give the same bytes."""
    with zipfile.ZipFile(target, "x") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            with path.open("rb") as file:
                _add(archive, path.relative_to(folder).as_posix(), file.read())
    return target


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    # images are packed already
    texts = (".md", ".yaml", ".toml", ".txt", ".py", ".csv")
    kind = zipfile.ZIP_DEFLATED if name.endswith(texts) else zipfile.ZIP_STORED
    member = zipfile.ZipInfo(name, _DAY)
    # without, some programs unpack files that nobody may read
    member.external_attr = 0o644 << 16
    archive.writestr(member, data, compress_type=kind)


def _write_pages(
    folder: Path,
    competition: Competition,
    profile: Profile,
    wanted: Sequence[Wanted],
    texts: Mapping[str, str],
    picture: Path | None,
) -> None:
    image = PurePosixPath("logo.png" if picture is None else f"logo{picture.suffix.lower()}")
    _write(folder / image, logo() if picture is None else picture.read_bytes())
    told = {
        "Overview": pages.overview(profile, competition.description),
        "Evaluation": pages.evaluation(profile),
        "Submission": pages.submission(profile, len(wanted)),
        "Terms": pages.TERMS,
        **texts,
    }
    _write(folder / files.TERMS, told.pop("Terms"))
    listed = [(title, f"pages/{index}.md") for index, title in enumerate(told, start=1)]
    for title, name in listed:
        _write(folder / name, told[title])
    described = describe(competition, profile, logo=image, pages=listed, reference=bool(wanted))
    _write(folder / "competition.yaml", _yaml(described))


def _write_program(
    folder: Path, competition: Competition, profile: Profile, weights: Mapping[str, bytes]
) -> None:
    _write(folder / "metadata.yaml", _yaml({"command": command(competition)}))
    _write(folder / "scoring.py", pages.SCORING)
    _write(folder / "profile.toml", profile.text)
    for name, data in weights.items():
        _write(folder / "weights" / name, data)


def _write_kit(folder: Path, profile: Profile, wanted: Sequence[Wanted]) -> None:
    _write(folder / "README.md", pages.KIT)
    _write(folder / "requirements.txt", pages.REQUIREMENTS)
    _write(folder / "local_scorer.py", pages.LOCAL_SCORER)
    _write(folder / "profile.toml", profile.text)
    sizes = {_name(item, profile): item.size for item in wanted if item.size}
    if not sizes:
        return
    lines = [f"{name} {width}x{height}\n" for name, (width, height) in sizes.items()]
    _write(folder / "names.txt", "".join(lines))
    with zipfile.ZipFile(folder / "sample_submission.zip", "x") as archive:
        for name, (width, height) in sizes.items():
            _add(archive, name, grey(width, height, name))


def _name(item: Wanted, profile: Profile) -> str:
    """What the file of an image may be called."""
    if profile.images.pairing == "manifest":
        return item.expected
    return f"{item.expected}{profile.images.extensions[0]}"


def _copy_reference(folder: Path, reference: Folders, profile: Profile) -> None:
    """The files that are used, laid out as `reference_folders` finds them."""
    gt, masks, places = reference.gt, reference.masks, (folder / "gt", folder / "mask")
    if reference.manifest is not None:
        gt = masks = reference.manifest.parent
        places = (folder, folder)
        _copy(reference.manifest, gt, folder)
    for item in find_reference(reference, profile):
        _copy(item.gt, gt, places[0])
        if item.mask is not None and masks is not None:
            _copy(item.mask, masks, places[1])


def _copy(path: Path, root: Path, folder: Path) -> None:
    if not path.resolve().is_relative_to(root.resolve()):
        raise ReferenceSetError(f"{path}: lies outside of {root}, so a bundle cannot hold it")
    target = folder / path.relative_to(root)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def _write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def _yaml(content: object) -> str:
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    return text
