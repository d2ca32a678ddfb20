"""The engine's gallery as platforms see it: profiles without networks, folders of a worker."""

import shutil
from datetime import UTC, datetime

import pytest

from gpu_metrics.pairing import reference_folders
from gpu_metrics.platforms.codabench.bundle import write_bundle
from gpu_metrics.platforms.codabench.competition import Competition, Phase
from gpu_metrics.profiles import load_profile
from tests.engine.conftest import (  # noqa: F401 - fixtures
    gallery,
    make_profile,
    one_thread,
    pixel_profile,
    run_cli,
    spoiled,
)


def day(number):
    """A day of March 2026."""
    return datetime(2026, 3, number, tzinfo=UTC)


COMPETITION = Competition("A test", "example/image:1", [Phase("One", day(1), day(5))])


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


@pytest.fixture
def bundle(gallery, tmp_path, plain):  # noqa: F811
    """Write a bundle and give its folder."""

    def bundle(competition=COMPETITION, profile=plain, reference=gallery.reference, **options):
        folders = None if reference is None else reference_folders(reference)
        write_bundle(tmp_path / "bundle", competition, profile, reference=folders, **options)
        return tmp_path / "bundle"

    return bundle
