"""Compiled kernels on disk: cache, shipped folder, and homes that cannot be written."""

import os
from pathlib import Path

import platformdirs
import pytest

from gpu_metrics.errors import EngineError
from gpu_metrics.kernels import cubins, nvrtc
from gpu_metrics.kernels.sources import kernel_names

NAME = "region_errors"


@pytest.fixture
def home(tmp_path, monkeypatch):
    for variable in ("GPU_METRICS_CUBINS", "GPU_METRICS_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda app: str(tmp_path / "cache"))
    cubins._cache_folder.cache_clear()
    yield tmp_path
    cubins._cache_folder.cache_clear()


def never_compile(*arguments, **options):
    raise AssertionError("compiled again")


def test_a_kernel_is_compiled_once_and_found_again(home, monkeypatch):
    first = cubins.cubin(NAME, 90)
    assert first.is_relative_to(home / "cache") and first.read_bytes()[:4] == b"\x7fELF"
    monkeypatch.setattr(nvrtc, "compile_kernel", never_compile)
    assert cubins.cubin(NAME, 90) == first
    assert [path.name for path in first.parent.iterdir()] == [first.name]


def test_the_cache_folder_can_be_named(home, monkeypatch):
    monkeypatch.setenv("GPU_METRICS_CACHE", str(home / "named"))
    assert cubins.cubin(NAME, 90).is_relative_to(home / "named")


def test_other_flags_or_architectures_are_other_files(home, monkeypatch):
    names = {cubins._filename(NAME, 90), cubins._filename(NAME, 80)}
    monkeypatch.setattr(nvrtc, "FLAGS", (*nvrtc.FLAGS, "-G"))
    assert len({*names, cubins._filename(NAME, 90)}) == 3


@pytest.mark.parametrize("fault", ["a file stands in the way", "no home"])
def test_a_home_that_cannot_be_written_is_replaced(home, monkeypatch, fault):
    def no_home(app):
        raise RuntimeError("Could not determine home directory.")

    if fault == "no home":
        monkeypatch.setattr(platformdirs, "user_cache_dir", no_home)
    else:
        (home / "cache").write_text("")
    path = cubins.cubin(NAME, 90)
    assert path.is_file() and not path.is_relative_to(home)
    assert path.parents[1].stat().st_mode & 0o777 == 0o700


def test_the_command_fills_a_folder_that_needs_no_compiler(home, monkeypatch, capsys):
    cubins.main([str(home / "shipped"), "--arch", "80", "90"])
    written = capsys.readouterr().out.split()
    assert len(written) == 2 * len(kernel_names()) and all(os.path.isfile(p) for p in written)

    monkeypatch.setenv("GPU_METRICS_CUBINS", str(home / "shipped"))
    monkeypatch.setattr(nvrtc, "compile_kernel", never_compile)
    monkeypatch.setattr(nvrtc, "version", never_compile)
    assert cubins.cubin(NAME, 80).parent == home / "shipped"
    assert cubins.cubin(NAME, 86) == cubins.cubin(NAME, 80)
    with pytest.raises(AssertionError, match="compiled again"):
        cubins.cubin(NAME, 75)


def test_without_a_compiler_the_way_out_is_named(home, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(nvrtc, "import_module", absent)
    with pytest.raises(EngineError, match="GPU_METRICS_CUBINS"):
        nvrtc._nvrtc()


def test_readers_never_see_half_a_file(home, monkeypatch):
    def full_disk(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space"):
        cubins.cubin(NAME, 90)
    assert not list(Path(home).rglob("*.cubin"))
