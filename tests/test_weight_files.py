import dataclasses
import hashlib
import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from gpu_metrics import weights
from gpu_metrics.errors import WeightsError
from gpu_metrics.weights import PUBLISHED, content_sha256, find_weights

TRUNK = {
    "features.0.weight": torch.arange(54, dtype=torch.float32).view(2, 3, 3, 3) / 7,
    "features.0.bias": torch.tensor([0.5, -0.25]),
}


@pytest.fixture(autouse=True)
def published(monkeypatch):
    """A trunk of two tensors in the place of AlexNet's."""
    tiny = dataclasses.replace(PUBLISHED["alex"], trunk_sha256=content_sha256(TRUNK))
    monkeypatch.setitem(PUBLISHED, "alex", tiny)


def saved(state, path):
    torch.save(state, path)
    return path


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_folder_holds_either_format(tmp_path, suffix):
    file = tmp_path / f"alexnet-anything{suffix}"
    torch.save(TRUNK, file) if suffix == ".pth" else save_file(TRUNK, file)
    (tmp_path / "alexnet-readme.txt").touch()
    (tmp_path / "vgg16.pth").touch()
    assert find_weights("alex", path=tmp_path).source == f"{file}"


@pytest.mark.parametrize("place", ["", "nowhere", "nowhere.pth"])
def test_path_without_weights_is_named(tmp_path, place):
    path = tmp_path / place
    with pytest.raises(WeightsError, match=f"{path}: expected a .pth or .safetensors file of alex"):
        find_weights("alex", path=path)


class Evil:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (f"{self.marker}",)


@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_evil_pickle_is_refused_and_not_run(tmp_path, suffix):
    marker = tmp_path / "ran"
    file = saved({"features.0.weight": Evil(marker)}, tmp_path / f"alexnet{suffix}")
    plain = tmp_path / f"plain{suffix}"
    plain.write_bytes(pickle.dumps(Evil(marker)))
    for bad in (file, plain):
        with pytest.raises(WeightsError, match=f"{bad}: cannot be read as weights"):
            find_weights("alex", path=bad)
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(["features.0.weight"], id="list"),
        pytest.param({"features.0.weight": 3}, id="number"),
        pytest.param({0: torch.ones(1)}, id="unnamed"),
        pytest.param(torch.ones(2, 3), id="tensor"),
    ],
)
def test_file_of_something_else_is_named(tmp_path, content):
    file = saved(content, tmp_path / "alexnet.pth")
    with pytest.raises(WeightsError, match=f"{file}: "):
        find_weights("alex", path=file)


@pytest.mark.parametrize("name", ["alexnet.pth", "alexnet.safetensors"])
@pytest.mark.parametrize("size", [0, 10, 300])
def test_truncated_file_is_named(tmp_path, name, size):
    file = tmp_path / name
    torch.save(TRUNK, file) if name.endswith(".pth") else save_file(TRUNK, file)
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(WeightsError, match=f"{file}: "):
        find_weights("alex", path=file)


def test_heads_are_checked_too(monkeypatch, tmp_path):
    file = saved(TRUNK, tmp_path / "alexnet.pth")
    other = dataclasses.replace(PUBLISHED["alex"], heads_sha256="0" * 64)
    monkeypatch.setitem(PUBLISHED, "alex", other)
    with pytest.raises(WeightsError, match="alex.pth: linear heads: expected content hash 0000"):
        find_weights("alex", path=file)
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="the package lpips.* is not installed"):
        find_weights("alex", path=file)


def test_content_hash_is_of_names_and_float32_values():
    expected = hashlib.sha256()
    for name in ("features.0.bias", "features.0.weight"):
        expected.update(name.encode() + b"\0" + TRUNK[name].numpy().tobytes())
    assert content_sha256(TRUNK) == expected.hexdigest()

    turned = {name: tensor.clone() for name, tensor in reversed(TRUNK.items())}
    turned["features.0.weight"] = TRUNK["features.0.weight"].mT.contiguous().mT.double()
    assert content_sha256(turned) == content_sha256(TRUNK)

    renamed = {name.replace("0", "1"): tensor for name, tensor in TRUNK.items()}
    nudged = dict(TRUNK, **{"features.0.bias": torch.tensor([0.5, -0.25000003])})
    assert len({content_sha256(state) for state in (TRUNK, renamed, nudged)}) == 3
