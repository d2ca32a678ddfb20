"""The standing of a challenge's size: 120 teams, 3,187 submissions, 318,700 rows of images.

`python -m benchmarks.bench_board` prints the medians on a file and on PostgreSQL, without the type
checks of the tests.
"""

import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from gpu_metrics.board.insertion import insert_submission
from gpu_metrics.board.schema import images, submissions
from gpu_metrics.board.store import Board, opened
from gpu_metrics.board.view import standing
from gpu_metrics.profiles import load_profile
from gpu_metrics.ranking.boards import trust_in
from gpu_metrics.results import Count, ImageRow, ProfileStamp, Run
from gpu_metrics.score import compose
from tests.board.postgres import server

TEAMS, SUBMISSIONS, IMAGES = 120, 3187, 100
PROFILE = load_profile("raim2026-flash-portrait")
SPREAD = {"psnr_bg": 2.0, "ssim_global": 0.01, "delta_e_person": 1.0, "lpips_person": 0.005}
START = datetime(2026, 1, 1, tzinfo=UTC)


def record(level: float, generator: np.random.Generator) -> Run:
    """A record of a hundred images, as large as the engine writes them."""
    columns = {
        name: PROFILE.typical[name] + spread * (level + 0.3 * generator.normal(size=IMAGES))
        for name, spread in SPREAD.items()
    }
    means = {name: float(column.mean()) for name, column in columns.items()}
    rows = tuple(
        ImageRow(
            f"{index:03}",
            {name: float(column[index]) for name, column in columns.items()},
            {"image": 1_400_000, "person": 500_000, "background": 900_000},
        )
        for index in range(IMAGES)
    )
    hashes = [hashlib.sha256(generator.bytes(8)).hexdigest() for _ in range(IMAGES)]
    files = {f"{i:03}": {"file": f"{i:03}.png", "sha256": h} for i, h in enumerate(hashes)}
    return Run(
        profile=ProfileStamp(PROFILE.name, PROFILE.version, PROFILE.digest),
        submission="submission.zip",
        status="complete",
        scores=compose(PROFILE, means),
        means=means,
        counts={name: Count(IMAGES, 0) for name in means},
        images=rows,
        provenance={"engine": "0.1.0", "files": files},
    )


def fill(board: Board, count: int = SUBMISSIONS) -> list[tuple[str, float]]:
    """Put so many submissions on a board; the teams with their best scores, in order."""
    generator = np.random.Generator(np.random.PCG64(0))
    best: dict[str, float] = {}
    with board.writing() as connection:
        for number in range(count):
            team = f"team {number % TEAMS:03}"
            run = record(-(number % TEAMS) / 100, generator)
            run = replace(run, submission=f"{number}.zip")
            at = START + timedelta(minutes=number)
            insert_submission(
                connection, run, PROFILE, team=team, phase="phase2", at=at, added_at=at
            )
            best[team] = max(best.get(team, 0.0), run.scores["total"] or 0.0)
    return sorted(best.items(), key=lambda item: -item[1])


@contextmanager
def places(folder: Path) -> Iterator[dict[str, str]]:
    """A file and, where PostgreSQL is installed, a server."""
    with ExitStack() as stack:
        found = {"sqlite": str(folder / "board.sqlite")}
        try:
            found["postgresql"] = stack.enter_context(server())
        except pytest.skip.Exception:
            pass
        yield found


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request, tmp_path_factory):
    with places(tmp_path_factory.mktemp("board")) as found:
        if request.param not in found:
            pytest.skip("PostgreSQL is not installed; apt-get install postgresql")
        # where nothing is timed, two submissions of each team will do
        timed = not request.config.getoption("benchmark_disable")
        count = SUBMISSIONS if timed else 2 * TEAMS
        with opened(found[request.param], create=True) as board:
            yield board, fill(board, count), count


def bench_standing(benchmark, filled):
    board, best, count = filled
    benchmark.group = f"standing of {TEAMS} teams, {count} submissions"
    shown = benchmark.pedantic(standing, (board, "phase2"), warmup_rounds=1, rounds=20)
    check(board, shown, best, count)


def bench_trust(benchmark, filled):
    board, _, _ = filled
    shown = standing(board, "phase2")
    benchmark.group = f"intervals and groups of {TEAMS} teams, 4000 draws of {IMAGES} images"
    trust = benchmark.pedantic(trust_in, (board, shown), rounds=3)
    # the first of 120 teams that are a hundredth apart is not the last
    assert trust.groups[0] != trust.groups[-1] and trust.draws == 4000


def check(board, shown, best, count=SUBMISSIONS):
    assert [(place.team, place.value) for place in shown.places] == best
    with board.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(submissions)) == count
        assert connection.scalar(select(func.count()).select_from(images)) == count * IMAGES


def main() -> None:
    """Print what the benchmarks time, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder, places(Path(folder)) as found:
        for name, place in found.items():
            with opened(place, create=True) as board:
                best = fill(board)
                shown = standing(board, "phase2")
                check(board, shown, best)
                whole, trust = timed(standing, board, "phase2"), timed(trust_in, board, shown)
                print(f"{name}: standing {whole:.1f} ms, intervals and groups {trust:.0f} ms")


def timed(function: Callable[..., object], *arguments: object, rounds: int = 10) -> float:
    """Median of some rounds, in milliseconds."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        function(*arguments)
        times.append(1e3 * (time.perf_counter() - began))
    return statistics.median(times)


if __name__ == "__main__":
    main()
