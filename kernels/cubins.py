"""Compiled kernels on disk: shipped folders, the user's cache, and the command that fills both.

`python -m gpu_metrics.kernels.cubins FOLDER --arch 80 90` compiles every kernel into FOLDER; with
`GPU_METRICS_CUBINS=FOLDER` a machine without NVRTC runs them.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import platformdirs

from gpu_metrics.kernels import nvrtc
from gpu_metrics.kernels.sources import digest, kernel_names

ARCHITECTURES = (75, 80, 86, 89, 90, 100, 120)


def cubin(name: str, arch: int) -> Path:
    """File holding kernel `name` for sm_`arch`: shipped, cached, or compiled now.

    A file is found by a digest of source and flags, so an outdated one is never picked up. Where
    the cache folder cannot be written, a folder private to this process takes its place.
    """
    if shipped := os.environ.get("GPU_METRICS_CUBINS"):
        # code for sm_80 runs on sm_86, too, but not on sm_90
        for older in range(arch, arch // 10 * 10 - 1, -1):
            if (path := Path(shipped, _filename(name, older))).is_file():
                return path
    path = _kept() / _filename(name, arch)
    return path if path.is_file() else renewed_cubin(name, arch)


def renewed_cubin(name: str, arch: int) -> Path:
    """As `cubin`, but compiled now, and kept in the place of what the cache may hold."""
    return write_cubin(name, arch, _kept())


def write_cubin(name: str, arch: int, folder: Path) -> Path:
    """Compile kernel `name` for sm_`arch` into `folder`; readers never see half a file."""
    compiled = nvrtc.compile_kernel(name, arch)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _filename(name, arch)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as part:
        part.write(compiled.cubin)
    os.replace(part.name, path)
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    """Compile every kernel for the chosen architectures into a folder."""
    parser = argparse.ArgumentParser(
        prog="python -m gpu_metrics.kernels.cubins", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="where the compiled kernels go")
    parser.add_argument("--arch", type=int, nargs="+", default=ARCHITECTURES, metavar="SM")
    chosen = parser.parse_args(arguments)
    for name in kernel_names():
        for arch in chosen.arch:
            sys.stdout.write(f"{write_cubin(name, arch, chosen.folder)}\n")


def _filename(name: str, arch: int) -> str:
    return f"{name}-{digest(name, nvrtc.FLAGS)}-sm_{arch}.cubin"


def _kept() -> Path:
    # a newer NVRTC may write what an older driver cannot read, so versions keep apart
    return _cache_folder() / f"nvrtc-{nvrtc.version()}"


@cache
def _cache_folder() -> Path:
    try:
        named = os.environ.get("GPU_METRICS_CACHE")
        folder = Path(named or platformdirs.user_cache_dir("gpu-metrics"), "kernels")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):
        return Path(tempfile.mkdtemp(prefix="gpu-metrics-kernels-"))


if __name__ == "__main__":
    main()
