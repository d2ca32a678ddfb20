"""A submission end to end: a warm scorer against the organisers' procedure written plainly."""

import pytest
import torch

from gpu_metrics.demo import build_demo
from gpu_metrics.engine import Scorer
from gpu_metrics.official import lpips_package, official_scores, read, read_person

GROUPS = 2


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return build_demo(tmp_path_factory.mktemp("demo"), groups=GROUPS)


@pytest.fixture(scope="module")
def ours(demo, device):
    scorer = Scorer("raim2026-flash-portrait", demo.reference, device=str(device))

    def score(submission):
        return [dict(row.values) for row in scorer.score(submission).images]

    return score


@pytest.fixture(scope="module")
def official(demo):
    """One image at a time, truth and mask decoded again for every submission, on the CPU."""
    package = lpips_package("alex")

    def score(submission):
        return [
            official_scores(
                read(path),
                read(demo.reference / "gt" / path.name),
                read_person(demo.reference / "mask" / path.name),
                package,
                torch.float32,
            )
            for path in sorted(submission.glob("*.png"))
        ]

    return score


@pytest.mark.parametrize("name", ["ours", "official"])
def bench_engine(benchmark, demo, request, name):
    benchmark.group = f"one submission of {GROUPS} images, about 1K"
    submission = demo.submissions["gain-denoise"]
    benchmark.extra_info["images"] = GROUPS

    rows = benchmark.pedantic(request.getfixturevalue(name), (submission,), rounds=3)

    # float32 noise of the official arithmetic, as measured on portraits
    for row, expected in zip(rows, request.getfixturevalue("official")(submission), strict=True):
        assert row == pytest.approx(expected, rel=0, abs=1e-5)
