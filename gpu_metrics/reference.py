"""The reference set in memory: ground truth and masks, decoded once for every submission."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from gpu_metrics.errors import InputError, ReferenceSetError
from gpu_metrics.images import read_color, read_mask
from gpu_metrics.pairing import Folders, ReferenceFiles, find_reference, reference_folders
from gpu_metrics.profiles import Profile, Region

Array = TypeVar("Array", Tensor, np.ndarray)


@dataclass(frozen=True, slots=True)
class ReferenceImage:
    """One ground truth with its mask. `size` is width x height; `sha256` covers both files."""

    files: ReferenceFiles
    pixels: UInt8[Tensor, "3 H W"]
    mask: UInt8[Tensor, "H W"] | None
    sha256: str

    @property
    def id(self) -> str:
        """What submissions are paired by."""
        return self.files.id

    @property
    def size(self) -> str:
        """Width x height, as people write it."""
        return f"{self.pixels.shape[2]} x {self.pixels.shape[1]}"


@dataclass(frozen=True, slots=True)
class Reference:
    """All images of a reference set, sorted by id."""

    images: Mapping[str, ReferenceImage]

    @classmethod
    def load(cls, source: Path | Folders, profile: Profile, *, threads: int = 4) -> "Reference":
        """Decode a reference set; every fault of every file in one ReferenceSetError."""
        folders = source if isinstance(source, Folders) else reference_folders(source)
        files = find_reference(folders, profile)
        with ThreadPoolExecutor(threads) as pool:
            loaded = list(pool.map(partial(_load, masked=profile.needs_masks), files))
        problems = [item for item in loaded if isinstance(item, str)]
        if problems:
            raise ReferenceSetError("the reference set cannot be used:", problems)
        return cls({item.id: item for item in loaded if not isinstance(item, str)})

    @property
    def sha256(self) -> str:
        """One hash over all files, whatever their names and folders."""
        hashes = "".join(f"{image.id}\0{image.sha256}\n" for image in self.images.values())
        return hashlib.sha256(hashes.encode()).hexdigest()


def region_mask(mask: Array, region: Region) -> Array:
    """Pixels of a region, by its rule on the mask's values `(..., H, W)`."""
    return mask >= region.threshold if region.operator == ">=" else mask < region.threshold


def _load(files: ReferenceFiles, *, masked: bool) -> ReferenceImage | str:
    path = files.gt
    try:
        truth = read_color(path)
        if not masked or files.mask is None:
            return ReferenceImage(files, truth.pixels, None, truth.sha256)
        path = files.mask
        mask = read_mask(path)
    except InputError as error:
        return f"{path}: {error}"
    if mask.pixels.shape[1:] != truth.pixels.shape[1:]:
        return f"{path}: {mask.size}, but its ground truth {files.gt.name} is {truth.size}"
    return ReferenceImage(files, truth.pixels, mask.pixels[0], truth.sha256 + mask.sha256)
