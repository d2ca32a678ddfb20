"""Run records to compare, written by hand, and the engine's gallery."""

from collections.abc import Mapping

import pytest

from gpu_metrics.profiles import load_profile
from gpu_metrics.results import Count, ImageRow, ProfileStamp, Run
from gpu_metrics.score import compose, means
from tests.engine.conftest import gallery, one_thread, run_cli, spoiled  # noqa: F401 - fixtures

PLAIN = load_profile("infrared-sr2026")
IDS = [f"{number:03}" for number in range(1, 21)]


def run_of(
    values: Mapping[str, tuple[float | None, float | None]], profile=PLAIN, **changes
) -> Run:
    """The record of images with those values of PSNR and SSIM."""
    rows = [
        ImageRow(id_, {"psnr": psnr, "ssim": ssim}, {"image": 64})
        for id_, (psnr, ssim) in values.items()
    ]
    averaged = means(profile, [(row.id, row.values, row.pixels) for row in rows])
    record = {
        "profile": ProfileStamp(profile.name, profile.version, profile.digest),
        "submission": "team",
        "status": "complete",
        "scores": compose(profile, averaged.values),
        "means": averaged.values,
        "counts": {name: Count(len(rows), 0) for name in averaged.values},
        "images": tuple(rows),
        "provenance": {"torch": "2.9", "reference_sha256": "ab", "files": hashes(*values)},
    }
    return Run(**record | changes)


def hashes(*ids, other=""):
    """What a record says of files; `other` makes other files of them."""
    return {id_: {"file": f"{id_}.png", "sha256": f"{id_}{other}"} for id_ in ids}


@pytest.fixture
def online():
    return run_of({id_: (30.0, 0.9) for id_ in IDS})


@pytest.fixture
def rerun():
    """A re-run whose files are others; images change by PSNR and SSIM as told."""

    def make(changes, **others):
        values = {
            id_: (30.0 + changes.get(id_, (0, 0))[0], 0.9 + changes.get(id_, (0, 0))[1])
            for id_ in IDS
        }
        provenance = {"torch": "2.9", "reference_sha256": "ab", "files": hashes(*IDS, other="x")}
        return run_of(values, **{"provenance": provenance, **others})

    return make
