"""Tiny files for benchmarks to measure, a place for their records, and one thread for torch."""

import json

import pytest
import torch

from benchmarks.pictures import draw_set

ORIGIN = {"date", "commit", "changed_files", "machine"}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Torch's threads wait for each other at every small step, ten times longer on busy cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Options that name a reference set and a submission of two small images."""
    drawn = draw_set(tmp_path_factory.mktemp("drawn"), images=2, height=72, width=64)
    return ["--reference", f"{drawn.reference}", "--submission", f"{drawn.submissions[0]}"]


@pytest.fixture
def record(tmp_path):
    """Run a script's main with a place for its record, and read that."""

    def run(main, *arguments):
        path = tmp_path / "record.json"
        main([*arguments, "--output", f"{path}"])
        found = json.loads(path.read_text())
        assert found.keys() > ORIGIN
        assert {"gpu_metrics", "torch", "device", "cores"} <= found["machine"].keys()
        return found

    return run
