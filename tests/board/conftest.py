"""Boards in both databases, and run records to fill them with."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from gpu_metrics.board.store import Board
from gpu_metrics.profiles import load_profile
from gpu_metrics.results import Count, ImageRow, ProfileStamp, Run
from gpu_metrics.score import score
from tests.board.postgres import server

PROFILE = load_profile("raindrop2026")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a server's first database."""
    with server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a board can be made: a file, or an empty place on a server."""
    if request.param == "sqlite":
        return str(tmp_path / "board.sqlite")
    return fresh(request.getfixturevalue("postgres"))


def fresh(url: str) -> str:
    """The URL of an empty place on the server of `url`: a schema, made sooner than a database."""
    name = f"board_{uuid.uuid4().hex}"
    with psycopg.connect(url) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{url}?options=-csearch_path%3D{name}"


@pytest.fixture
def board(place: str) -> Iterator[Board]:
    board = Board(place, create=True)
    yield board
    board.close()


def make_run(
    level: float,
    *,
    name: str = "submission",
    profile=PROFILE,
    images: int = 4,
    files: Mapping[str, str] | None = None,
    partial: bool = False,
    engine: str = "0.1.0",
) -> Run:
    """A run record of some images whose PSNR is about `level`."""
    rows = tuple(
        ImageRow(
            f"{i:03}",
            {"psnr_y": level + i / 10, "ssim_y": 0.8 + i / 100, "lpips": None if i == 1 else 0.25},
            {"image": 100 + i},
        )
        for i in range(images)
    )
    found = score(profile, [(row.id, row.values, row.pixels) for row in rows])
    means = found.means
    return Run(
        profile=ProfileStamp(profile.name, profile.version, profile.digest),
        submission=name,
        status="partial" if partial else "complete",
        scores=dict.fromkeys(found.scores) if partial else found.scores,
        means=means.values,
        counts={n: Count(means.scored[n], means.not_scored[n]) for n in means.values},
        images=rows,
        provenance={
            "engine": engine,
            "files": {i: {"file": f"{i}.png", "sha256": h} for i, h in (files or {}).items()},
        },
    )


@pytest.fixture(name="make_run", scope="session")
def _make_run() -> Callable[..., Run]:
    return make_run
