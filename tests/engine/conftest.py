"""A small reference set with a submission, profiles as text, and the command line in process."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from gpu_metrics.cli import main
from gpu_metrics.profiles import Profile, parse_profile

TYPICAL = {"psnr": 30.0, "mse": 0.001, "ssim": 0.9, "delta_e": 5.0, "lpips": 0.1}

# id: height, width, and the person's top, left, bottom, right (none: an empty mask)
LAYOUT = {
    "001": (96, 128, (20, 30, 80, 90)),
    "002": (64, 64, None),
    "003": (96, 128, (40, 50, 50, 60)),
    "004": (64, 64, (0, 0, 64, 40)),
    "005": (96, 128, (10, 60, 96, 128)),
    "006": (96, 128, (5, 5, 60, 70)),
}


@dataclass(frozen=True)
class Gallery:
    """A reference set and a submission on disk, and the arrays that were written."""

    reference: Path
    submission: Path
    truth: Mapping[str, np.ndarray]
    restored: Mapping[str, np.ndarray]
    masks: Mapping[str, np.ndarray]

    def copy(self, folder: Path) -> "Gallery":
        """The same files elsewhere, for tests that spoil them."""
        reference = shutil.copytree(self.reference, folder / "reference")
        submission = shutil.copytree(self.submission, folder / "submission")
        return Gallery(reference, submission, self.truth, self.restored, self.masks)


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


def draw(height: int, width: int, seed: int) -> np.ndarray:
    """A smooth color image, uint8 RGB."""
    generator = np.random.Generator(np.random.PCG64(seed))
    coarse = generator.uniform(0, 255, (5, 5, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return smooth.clip(0, 255).round().astype(np.uint8)


def with_noise(image: np.ndarray, seed: int) -> np.ndarray:
    generator = np.random.Generator(np.random.PCG64(seed))
    return (image + generator.normal(0, 9, image.shape)).clip(0, 255).round().astype(np.uint8)


def write(path: Path, image: np.ndarray) -> Path:
    """Write an RGB or grey image in the format of its ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = image if image.ndim == 2 else image[..., ::-1]
    assert cv2.imwrite(str(path), stored)
    return path


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Torch's threads wait for each other at every small step, ten times longer on busy cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(name="draw", scope="session")
def _draw() -> Callable[[int, int, int], np.ndarray]:
    return draw


@pytest.fixture(name="write", scope="session")
def _write() -> Callable[[Path, np.ndarray], Path]:
    return write


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """Six images in two shapes; 002 shows nobody, the person of 003 is too small for AlexNet."""
    root = tmp_path_factory.mktemp("gallery")
    truth, restored, masks = {}, {}, {}
    for seed, (id_, (height, width, person)) in enumerate(LAYOUT.items()):
        truth[id_] = draw(height, width, seed)
        restored[id_] = with_noise(truth[id_], 100 + seed)
        masks[id_] = np.zeros((height, width), np.uint8)
        if person is not None:
            top, left, bottom, right = person
            masks[id_][top:bottom, left:right] = 255
        write(root / "reference" / "gt" / f"{id_}.png", truth[id_])
        write(root / "reference" / "mask" / f"{id_}.png", masks[id_])
        write(root / "submission" / f"{id_}.png", restored[id_])
    return Gallery(root / "reference", root / "submission", truth, restored, masks)


@pytest.fixture(scope="session")
def teams(gallery: Gallery, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four submissions for the gallery, each with noise of its own, sorted by name."""
    root = tmp_path_factory.mktemp("teams")
    for team in range(4):
        for seed, (id_, truth) in enumerate(gallery.truth.items()):
            write(root / f"team{team}" / f"{id_}.png", with_noise(truth, 1000 * team + seed))
    return sorted(root.iterdir())


@pytest.fixture
def spoiled(gallery: Gallery, tmp_path: Path) -> Gallery:
    """A copy of the gallery that a test may change."""
    return gallery.copy(tmp_path)


@pytest.fixture(scope="session")
def make_profile() -> Callable[..., Profile]:
    """A profile of some measures, given as TOML tables, over a person and the background."""

    def make(measures: Mapping[str, str], total: str | None = None, **images: str) -> Profile:
        rules = {"pairing": '"first-three-digits"', "extensions": '[".png", ".jpg"]'} | images
        typical = {name: TYPICAL[text.split('"')[1]] for name, text in measures.items()}
        tables = {
            "images": rules | {"decoding": '"official"'},
            "regions": {"person": '"mask >= 128"', "background": '"mask < 128"'},
            "measures": {name: f"{{ {text} }}" for name, text in measures.items()},
            "formula": {"total": f'"{total or " + ".join(measures)}"'},
            "ranking": {"by": '"total"', "higher_is_better": "true", "digits": 2},
            "typical": typical,
        }
        head = 'schema = 1\nname = "test"\nversion = "1"\ntitle = ""\nsource = ""\nnotes = ""\n'
        body = "".join(
            f"[{table}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
            for table, entries in tables.items()
        )
        return parse_profile(head + body, where="test.toml")

    return make


@pytest.fixture(scope="session")
def pixel_profile(make_profile: Callable[..., Profile]) -> Profile:
    """The metrics that need no weights, over regions and the whole image."""
    return make_profile(
        {
            "psnr_bg": 'metric = "psnr", region = "background", identical = 100',
            "psnr_person": 'metric = "psnr", region = "person", color = "luma"',
            "mse_all": 'metric = "mse"',
            "ssim_all": 'metric = "ssim", window = "binomial", color = "luma"',
            "ssim_person": 'metric = "ssim", region = "person"',
            "delta_e_person": 'metric = "delta_e", region = "person", formula = "opencv-8bit"',
            "ciede_bg": 'metric = "delta_e", region = "background"',
        }
    )


@pytest.fixture
def run_cli(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Run the command line in this process."""

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["gpu-metrics", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        code = ended.value.code
        return Outcome(code if isinstance(code, int) else 0, written.out, written.err)

    return run
