import csv
import io
import json
from datetime import UTC, datetime

import pytest

from gpu_metrics.board.store import opened
from gpu_metrics.contests import load_contest
from gpu_metrics.profiles import load_profile
from tests.board.conftest import make_run
from tests.engine.conftest import run_cli  # noqa: F401 - a fixture
from tests.ranking.test_final import PORTRAIT

PROFILE = load_profile("raindrop2026")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def challenge(tmp_path):
    """A contest of three on a board, and what the jury picked in twenty scenes."""
    contest, db, votes = tmp_path / "contest.toml", tmp_path / "b.sqlite", tmp_path / "votes.csv"
    contest.write_text(PORTRAIT.text, "utf-8")
    with opened(db, create=True) as board:
        for phase, images in (("phase2", 20), ("phase3", 12)):
            for team, level in zip("abc", [30, 29.5, 29], strict=True):
                run = make_run(level, images=images)
                board.add(run, PROFILE, team=team, phase=phase, at=NOON)
    lines = ["scene,team,picks"]
    lines += [f"{scene},{'abc'[scene % 3]},1" for scene in range(20)]
    votes.write_text("\n".join(lines), "utf-8")
    return [contest, "--db", db, "--given", votes]


def test_the_standing_and_its_sensitivity_are_printed(run_cli, challenge):  # noqa: F811
    outcome = run_cli("final", *challenge, "--draws", 300)
    assert (outcome.code, outcome.err) == (0, "")
    assert f"raim2026-flash-portrait 1.1 ({PORTRAIT.digest[:12]}): final standing" in outcome.out
    words = outcome.out.split()
    for word in ("Objective", "UScore", "award", "phase3", "constant", "weight", "fewest", "most"):
        assert word in words
    first = next(line.split() for line in outcome.out.splitlines() if line.split()[:1] == ["1"])
    assert first[1:7] == ["a", "37.85", "7", "90.00", "53.50", "first"]


def test_programs_read_all_digits(run_cli, challenge):  # noqa: F811
    document = json.loads(run_cli("final", *challenge, "--draws", 300, "--format", "json").out)
    assert [entry["team"] for entry in document["finalists"]] == ["a", "b", "c"]
    first = document["finalists"][0]
    assert first["values"]["total"] == pytest.approx(0.7 * first["values"]["objective"] + 27)
    assert first["interval"][0] < first["values"]["total"] < first["interval"][1]
    assert sum(first["place_shares"]) == pytest.approx(1)
    assert set(first["places_alone"]) == {"phase3", "picks"}
    assert [constant["constant"] for constant in document["constants"]] == [
        "weight",
        "fewest",
        "most",
    ]
    assert document["contest"]["digest"] == PORTRAIT.digest


def test_the_seed_repeats_the_draws(run_cli, challenge):  # noqa: F811
    def first(seed):
        outcome = run_cli("final", *challenge, "--draws", 300, "--seed", seed, "--format", "csv")
        return outcome.out

    assert first(1) == first(1) != first(2)


def test_no_draws_leave_the_standing_alone(run_cli, challenge):  # noqa: F811
    outcome = run_cli("final", *challenge, "--draws", 0, "--format", "csv")
    titles, *rows = csv.reader(io.StringIO(outcome.out))
    assert titles == ["place", "team", "Objective", "Picks", "UScore", "Final", "award"]
    assert [row[6] for row in rows] == ["first class", "second class", "second class"]


def test_a_contest_of_given_numbers_needs_no_board(run_cli, tmp_path):  # noqa: F811
    table = tmp_path / "stages.csv"
    table.write_text("team,stage1,stage2\nSHL,57.110,58.958\n=cmd,1,2\nx,3,\n", "utf-8")
    outcome = run_cli("final", "raim2026-fusion", "--given", table, "--format", "csv")
    assert (outcome.code, outcome.err) == (0, "not ranked: x: no stage2\n")
    assert outcome.out == (
        "place,team,stage1,stage2,total\n1,SHL,57.1100,58.9580,58.034\n2,'=cmd,1.0000,2.0000,1.500\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["raim2026-fusoin"], "unknown contest 'raim2026-fusoin'"),
        (["raim2026-fusion"], "stage1: name the board that has stage1, or give a table"),
        (["raim2026-fusion", "--db", "absent.sqlite"], "absent.sqlite: no such board"),
        (["raim2026-fusion", "--given", "absent.csv"], "absent.csv: cannot be read"),
    ],
)
def test_wrong_use_is_told(run_cli, arguments, message):  # noqa: F811
    outcome = run_cli("final", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err


def test_every_shipped_contest_asks_for_what_it_needs(run_cli):  # noqa: F811
    for name in ("raim2026-flash-portrait", "efficient-sr2026", "aim2025-raw-denoising"):
        outcome = run_cli("final", name)
        assert outcome.code == 2
        assert any(given in outcome.err for given in load_contest(name).inputs)
