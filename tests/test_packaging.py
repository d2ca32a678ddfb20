"""Wheel, source archive and editable install all carry kernels and profiles."""

import subprocess
import sys
import tarfile
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KERNELS = {
    f"gpu_metrics/{path.relative_to(ROOT)}"
    for pattern in ("*.cu*", "**/*.py")
    for path in ROOT.glob(f"kernels/{pattern}")
}
PROFILES = {str(path.relative_to(ROOT)) for path in ROOT.glob("gpu_metrics/**/*.toml")}
PYTHON = {str(path.relative_to(ROOT)) for path in ROOT.glob("gpu_metrics/**/*.py")}


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def test_wheel_holds_everything(archives):
    names = set(zipfile.ZipFile(archives[0]).namelist())
    assert {*KERNELS, *PROFILES, *PYTHON, "gpu_metrics/py.typed"} <= names
    assert KERNELS and PROFILES


def test_source_archive_holds_everything(archives):
    with tarfile.open(archives[1]) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    in_place = {name.removeprefix("gpu_metrics/") for name in KERNELS}
    assert {*in_place, *PROFILES, *PYTHON, "gpu_metrics/py.typed"} <= names


def test_installed_package_finds_them():
    for name in (*KERNELS, *PROFILES):
        package, _, file = name.rpartition("/")
        assert files(package.replace("/", ".")).joinpath(file).is_file()
