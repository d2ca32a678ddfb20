"""The engine's gallery as platforms see it: profiles without networks, folders of a worker."""

import shutil

import pytest

from gpu_metrics.profiles import load_profile
from tests.engine.conftest import (  # noqa: F401 - fixtures
    gallery,
    make_profile,
    one_thread,
    pixel_profile,
    run_cli,
    spoiled,
)


@pytest.fixture(scope="session")
def plain():
    """A profile that needs neither masks nor weights."""
    return load_profile("infrared-sr2026")


@pytest.fixture
def app(spoiled, tmp_path):  # noqa: F811
    """The folders of a worker: `input/ref`, `input/res` and no `output` yet."""
    folder = tmp_path / "app"
    shutil.copytree(spoiled.reference, folder / "input" / "ref")
    shutil.copytree(spoiled.submission, folder / "input" / "res")
    return folder
