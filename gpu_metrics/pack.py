"""A reference set as one file that maps into memory, so that nothing has to be decoded again."""

import hashlib
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gpu_metrics.errors import EngineError, ReferenceSetError
from gpu_metrics.pairing import Folders, ReferenceFiles
from gpu_metrics.profiles import Profile
from gpu_metrics.reference import Reference, ReferenceImage

FORMAT = "gpu_metrics reference 1"


def load_reference(source: Path | Folders, profile: Profile, *, threads: int) -> Reference:
    """A reference set from its folder, or from a file that `write_pack` wrote."""
    if isinstance(source, Path) and source.is_file():
        return read_pack(source, profile, threads=threads)
    return Reference.load(source, profile, threads=threads)


def write_pack(reference: Reference, profile: Profile, path: str | Path) -> Path:
    """Write pixels, masks and hashes of a reference set as one safetensors file, or nothing.

    LPIPS features are not in it: reading them takes longer than computing them.

    Returns:
        The path, as `Scorer` takes it for a reference. It serves every profile that pairs files
        as `profile` does and needs masks only if `profile` did.
    """
    path, tensors, entries = Path(path), {}, []
    for number, image in enumerate(reference.images.values()):
        tensors[f"{number}/pixels"] = image.pixels.movedim(0, -1).contiguous()
        if image.mask is not None:
            tensors[f"{number}/mask"] = image.mask.contiguous()
        entries.append(
            {
                "id": image.id,
                "expected": image.files.expected,
                "gt": image.files.gt.name,
                "mask": image.files.mask.name if image.files.mask else None,
                "sha256": image.sha256,
                "content": _content(image.pixels, image.mask),
            }
        )
    table = json.dumps({"pairing": profile.images.pairing, "images": entries})
    metadata = {"format": FORMAT, "reference": table, "sha256": _sha256(table.encode())}
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, part, metadata)
        part.replace(path)
    except (OSError, SafetensorError) as error:
        raise EngineError(f"{path}: cannot be written: {error}") from error
    finally:
        with suppress(OSError):
            part.unlink()
    return path


def read_pack(path: Path, profile: Profile, *, threads: int = 4) -> Reference:
    """The reference set in a packed file, mapped into memory and checked by its hashes.

    Raises:
        ReferenceSetError: The file is no pack, is damaged, or was packed for other rules.
    """
    try:
        with safe_open(path, framework="pt") as file:
            table = _table(path, file.metadata() or {})
            _check_rules(path, table, profile)
            images = list(_images(file, table))
    except (OSError, SafetensorError) as error:
        raise ReferenceSetError(
            f"{path}: expected a folder, or a file written by gpu-metrics pack: {error}"
        ) from error
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(lambda image: _content(image.pixels, image.mask), images)
        wrong = [
            image.id
            for image, content, entry in zip(images, found, table["images"], strict=True)
            if content != entry["content"]
        ]
    if wrong:
        raise ReferenceSetError(
            f"{path}: damaged: its pixels are not those that were packed; pack it again",
            [f"{id_}: another hash" for id_ in wrong],
        )
    return Reference({image.id: image for image in images})


def _images(file: Any, table: dict[str, Any]) -> Iterator[ReferenceImage]:
    for number, entry in enumerate(table["images"]):
        mask = file.get_tensor(f"{number}/mask") if entry["mask"] else None
        pixels = file.get_tensor(f"{number}/pixels").movedim(-1, 0)
        names = Path(entry["gt"]), Path(entry["mask"]) if entry["mask"] else None
        files = ReferenceFiles(entry["id"], *names, expected=entry["expected"])
        yield ReferenceImage(files, pixels, mask, entry["sha256"])


def _table(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    if metadata.get("format") != FORMAT:
        raise ReferenceSetError(
            f"{path}: expected {FORMAT!r}, got {metadata.get('format')!r}; pack the reference again"
        )
    text = metadata.get("reference", "")
    if _sha256(text.encode()) != metadata.get("sha256"):
        raise ReferenceSetError(f"{path}: damaged: its table has another hash; pack it again")
    table: dict[str, Any] = json.loads(text)
    return table


def _check_rules(path: Path, table: dict[str, Any], profile: Profile) -> None:
    if table["pairing"] != profile.images.pairing:
        raise ReferenceSetError(
            f"{path}: packed for files paired by {table['pairing']!r}, but {profile.name} pairs by "
            f"{profile.images.pairing!r}; pack the reference with --profile {profile.name}"
        )
    bare = [entry["id"] for entry in table["images"] if entry["mask"] is None]
    if profile.needs_masks and bare:
        raise ReferenceSetError(
            f"{path}: packed without masks, which {profile.name} needs; pack the reference with "
            f"--profile {profile.name}"
        )


def _content(pixels: Tensor, mask: Tensor | None) -> str:
    """Hash of what is packed of an image: sizes and bytes."""
    digest = hashlib.sha256()
    for tensor in (pixels.movedim(0, -1), mask):
        if tensor is not None:
            digest.update(str(tuple(tensor.shape)).encode())
            digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
