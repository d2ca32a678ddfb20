"""Build the demo set on disk, in the shape in which organisers keep theirs."""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import get_ident

import cv2
import numpy as np
from jaxtyping import UInt8

from gpu_metrics import __version__
from gpu_metrics.demo.lowlight import without_flash
from gpu_metrics.demo.photographs import PHOTOGRAPHS, library_version
from gpu_metrics.demo.restorations import TEAMS
from gpu_metrics.demo.scenes import Studio, compose, open_studio
from gpu_metrics.errors import EngineError, InputError

RECORD = "demo.json"
UNFINISHED = "demo.unfinished"

# raise it whenever a pixel of the set changes, so that older folders are built anew
RECIPE = 1

# ids have three digits
MOST_GROUPS = 999


@dataclass(frozen=True, slots=True)
class DemoSet:
    """A finished demo: `reference` holds gt/ and mask/, `submissions` one folder per team."""

    reference: Path
    inputs: Path
    submissions: dict[str, Path]
    groups: int
    seed: int


def build_demo(
    folder: Path,
    *,
    groups: int = 6,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> DemoSet:
    """A demo set in `folder`; a finished one with the same parameters is returned as it is.

    Each group is a portrait of about 1K (ground truth with flash, person matte, low-light input)
    and the restorations of its input by every team. Group k depends on `seed` and k alone. Files
    that belong to no demo are never removed; a folder that holds only such files is refused.

    Args:
        folder: Where to build; made if absent.
        groups: How many groups, 1 to 999.
        seed: What to draw scenes, light and noise from, 0 or more.
        on_progress: Called with groups done and groups in all, in the calling thread.
    """
    if not 1 <= groups <= MOST_GROUPS:
        raise InputError(f"groups must be 1 to {MOST_GROUPS}, got {groups}")
    if seed < 0:
        raise InputError(f"seed must be 0 or more, got {seed}")
    demo = DemoSet(
        reference=folder / "reference",
        inputs=folder / "input",
        submissions={team: folder / "submissions" / team for team in TEAMS},
        groups=groups,
        seed=seed,
    )
    parameters = _parameters(demo)
    try:
        if not _is_finished(folder, demo, parameters):
            _prepare(folder, demo)
            _fill(demo, on_progress or (lambda done, total: None))
            _write(folder / RECORD, json.dumps(parameters, indent=2).encode())
            (folder / UNFINISHED).unlink()
    except OSError as error:
        raise EngineError(
            f"{error.filename or folder}: {error.strerror or error}; "
            "choose a folder that can be written to and has room for 20 MB per group"
        ) from error
    return demo


def _parameters(demo: DemoSet) -> dict[str, object]:
    """All that the pixels depend on, and whom the photographs are by."""
    return {
        "recipe": RECIPE,
        "groups": demo.groups,
        "seed": demo.seed,
        "teams": list(demo.submissions),
        "versions": {
            "gpu-metrics": __version__,
            "numpy": np.__version__,
            "opencv": cv2.__version__,
            "scikit-image": library_version(),
        },
        "photographs": {name: photograph.credit for name, photograph in PHOTOGRAPHS.items()},
    }


def _folders(demo: DemoSet) -> list[Path]:
    gt, mask = demo.reference / "gt", demo.reference / "mask"
    return [gt, mask, demo.inputs, *demo.submissions.values()]


def _recorded(folder: Path) -> dict[str, object] | None:
    """The parameters of a finished demo, if the folder holds one."""
    record = folder / RECORD
    if not record.is_file():
        return None
    try:
        parameters = json.loads(record.read_bytes())
    except ValueError:
        return None
    return parameters if isinstance(parameters, dict) and "recipe" in parameters else None


def _is_finished(folder: Path, demo: DemoSet, parameters: dict[str, object]) -> bool:
    if (folder / UNFINISHED).exists() or _recorded(folder) != parameters:
        return False
    names = {f"{group:03}.png" for group in range(1, demo.groups + 1)}
    return all({path.name for path in place.glob("*.png")} == names for place in _folders(demo))


def _prepare(folder: Path, demo: DemoSet) -> None:
    """Mark the folder as unfinished and clear the images of an earlier demo."""
    ours = (folder / UNFINISHED).exists() or _recorded(folder) is not None
    if not ours and folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} holds files that are no demo set; choose an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / UNFINISHED).touch()
    (folder / RECORD).unlink(missing_ok=True)
    for place in _folders(demo):
        place.mkdir(parents=True, exist_ok=True)
        for image in place.glob("[0-9][0-9][0-9].png*"):
            image.unlink()


def _fill(demo: DemoSet, on_progress: Callable[[int, int], None]) -> None:
    studio = open_studio()
    build = partial(_build_group, demo, studio)
    # OpenCV and NumPy release the interpreter lock; eight groups in the making fit in 2 GB
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        for done, _ in enumerate(pool.map(build, range(1, demo.groups + 1)), start=1):
            on_progress(done, demo.groups)


def _build_group(demo: DemoSet, studio: Studio, group: int) -> None:
    for path, image in _images(demo, studio, group):
        # the fastest level: noise does not get smaller by trying
        encoded, png = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        if not encoded:
            raise EngineError(f"{path}: OpenCV could not encode the image as PNG")
        _write(path, png.tobytes())


def _images(
    demo: DemoSet, studio: Studio, group: int
) -> Iterator[tuple[Path, UInt8[np.ndarray, "*shape"]]]:
    name = f"{group:03}.png"
    generator = np.random.Generator(np.random.PCG64([demo.seed, group]))
    scene = compose(studio, group, generator)
    dark = without_flash(scene, generator)
    yield demo.reference / "gt" / name, scene.truth
    yield demo.reference / "mask" / name, scene.matte
    yield demo.inputs / name, dark
    for team, folder in demo.submissions.items():
        yield folder / name, TEAMS[team](dark)


def _write(path: Path, content: bytes) -> None:
    """Write a file that is either whole or absent."""
    part = path.with_name(f"{path.name}.{os.getpid()}-{get_ident()}.part")
    part.write_bytes(content)
    part.replace(path)
