import csv
import re
import stat
from datetime import UTC, datetime

import pytest

from gpu_metrics.board.store import opened
from gpu_metrics.contests import load_contest
from gpu_metrics.profiles import load_profile
from gpu_metrics.study.manifest import MANIFEST, Key, Manifest
from tests.board.conftest import make_run
from tests.engine.conftest import run_cli  # noqa: F401 - a fixture
from tests.intake.zips import zipped
from tests.study.results import TEAMS, inputs, results

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONTEST = load_contest("raim2026-flash-portrait").text


@pytest.fixture
def host(tmp_path):
    """What a host has: results as folders and a zip file, inputs, jurors; `study build` of them."""
    for team, files in [*results().items(), ("inputs", inputs())]:
        folder = tmp_path / ("inputs" if team == "inputs" else f"results/{team}")
        folder.mkdir(parents=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    last = tmp_path / "results" / TEAMS[3]
    for path in last.iterdir():
        path.unlink()
    last.rmdir()
    last.with_suffix(".zip").write_bytes(zipped(results()[TEAMS[3]]))
    (tmp_path / "jurors.csv").write_text("juror,tied_to\nAda,\n=Ben,\n")
    return tmp_path


def build(host, *more, contest="raim2026-flash-portrait", results=True):
    given = ["-o", host / "study", "--key", host / "key.json", "--jurors", host / "jurors.csv"]
    given += ["--inputs", host / "inputs", "--scenes", 4, "--repeats", 1]
    return "study", "build", contest, *given, *(["--results", host / "results"] * results), *more


def test_invitations_and_the_hash_are_printed(run_cli, host):  # noqa: F811
    outcome = run_cli(*build(host, "--seed", 7))
    assert outcome.code == 0, outcome.err
    manifest, key = Manifest.load(host / "study" / MANIFEST), Key.load(host / "key.json")
    assert f"manifest sha256: {manifest.sha256}\n" in outcome.out
    for juror in key.jurors.values():
        assert re.search(rf"'?{juror.name} +/join/{juror.invitation}", outcome.out)
    assert f"/progress/{key.organiser}" in outcome.out
    assert "publish this hash before the first vote" in outcome.err
    assert {*key.teams.values()} == {*TEAMS} and key.seed == 7
    assert manifest.title == "raim2026-flash-portrait"


def test_links_are_written_for_their_owner_alone(run_cli, host):  # noqa: F811
    links = host / "links.csv"
    outcome = run_cli(*build(host, "--links", links, "--title", "Night portraits"))
    assert outcome.code == 0, outcome.err
    key = Key.load(host / "key.json")
    titles, ada, ben, organiser = csv.reader(links.read_text().splitlines())
    assert titles == ["juror", "path"] and ada == [
        "Ada",
        f"/join/{key.jurors['juror-1'].invitation}",
    ]
    # what a spreadsheet would take for a formula
    assert ben[0] == "'=Ben" and organiser[1] == f"/progress/{key.organiser}"
    assert stat.S_IMODE(links.stat().st_mode) == 0o600
    assert "/join/" not in outcome.out
    assert Manifest.load(host / "study" / MANIFEST).title == "Night portraits"


@pytest.mark.parametrize(
    ("links", "said"),
    [
        ("jurors.csv", "jurors.csv is there already, and is never overwritten"),
        ("study/links.csv", "lies inside of the study, which is served; keep it elsewhere"),
        ("no/links.csv", "links: there is no folder"),
        ("key.json", "key, links: expected a file for each"),
    ],
)
def test_links_are_kept_apart_before_anything_is_built(run_cli, host, links, said):  # noqa: F811
    outcome = run_cli(*build(host, "--links", host / links))
    assert outcome.code == 2 and said in outcome.err
    assert not (host / "study").exists() and not (host / "key.json").exists()


def test_results_are_named_one_by_one(run_cli, host):  # noqa: F811
    teams = [f"--team=T{i}={p}" for i, p in enumerate(sorted((host / "results").iterdir()))]
    outcome = run_cli(*build(host, *teams, results=False))
    assert outcome.code == 0, outcome.err
    assert {*Key.load(host / "key.json").teams.values()} == {"T0", "T1", "T2", "T3"}


def test_one_juror_is_told_what_cannot_be_known(run_cli, host):  # noqa: F811
    (host / "jurors.csv").write_text("juror,tied_to\nAda,\n")
    outcome = run_cli(*build(host))
    assert outcome.code == 0 and "one juror cannot show how far jurors agree" in outcome.err


def test_scenes_are_drawn_by_strata(run_cli, host):  # noqa: F811
    strata = [f"{scene:03d},{'night' if scene < 17 else 'day'}" for scene in range(11, 20)]
    (host / "strata.csv").write_text("\n".join(["scene,stratum", *strata]))
    outcome = run_cli(*build(host, "--scenes", 3, "--strata", host / "strata.csv"))
    assert outcome.code == 0, outcome.err
    manifest, key = Manifest.load(host / "study" / MANIFEST), Key.load(host / "key.json")
    voted = [key.scenes[id_] for id_, s in manifest.screens.items() if s.kind == "vote"]
    assert [scene < "017" for scene in sorted(voted)] == [True, True, False]


@pytest.fixture
def challenge(host):
    """The host with a board: five teams, the second of which is struck out."""
    contest, db = host / "contest.toml", host / "board.sqlite"
    contest.write_text(CONTEST.replace('"raim2026-flash-portrait"', '"raindrop2026"'))
    with opened(db, create=True) as board:
        for level, team in enumerate(["late", *TEAMS[:3], "struck", TEAMS[3]]):
            run = make_run(20 + level)
            profile = load_profile("raindrop2026")
            board.add(run, profile, team=team, phase="phase2", at=NOON)
        board.strike("struck", "phase2", reason="it deviates")
    return host


def test_a_board_says_who_takes_part(run_cli, challenge):  # noqa: F811
    # raindrop pairs by the whole name
    (challenge / "inputs2").mkdir()
    for path in (challenge / "inputs").iterdir():
        (challenge / "inputs2" / f"{path.name[:3]}.png").write_bytes(path.read_bytes())
    for team in ["late", "struck", *TEAMS]:
        folder = challenge / "renamed" / team
        folder.mkdir(parents=True)
        for path in (challenge / "inputs2").iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
    more = ["--db", challenge / "board.sqlite", "--results", challenge / "renamed"]
    more += ["--inputs", challenge / "inputs2", "--top", 4]
    contest = challenge / "contest.toml"
    outcome = run_cli(*build(challenge, *more, contest=contest, results=False))
    assert outcome.code == 0, outcome.err
    assert {*Key.load(challenge / "key.json").teams.values()} == {*TEAMS}
    assert "not among the first 4 of phase2: late, struck" in outcome.err


def test_teams_of_the_board_without_results_are_named(run_cli, challenge):  # noqa: F811
    more = ["--db", challenge / "board.sqlite"]
    outcome = run_cli(*build(challenge, *more, contest=challenge / "contest.toml"))
    assert outcome.code == 2
    assert outcome.err.splitlines() == ["error: no results of these teams:", "  late"]
    (challenge / "results" / TEAMS[0]).rename(challenge / "results" / "northern-light")
    more += ["--top", 4]
    outcome = run_cli(*build(challenge, *more, contest=challenge / "contest.toml"))
    assert "northern-lights; did you mean 'northern-light'?" in outcome.err
    more += ["--phase", "phase9"]
    outcome = run_cli(*build(challenge, *more, contest=challenge / "contest.toml"))
    assert outcome.code == 2 and "'phase9' is not on the board" in outcome.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--top", 3], "--phase, --top: expected --db with them"),
        (["--team", "north"], "--team: expected NAME=PATH, got 'north'"),
        (["--team", "north=nowhere"], "no such file or folder:\n  north: nowhere"),
        (["--team", "western-sun=."], "western-sun: has results twice: "),
        (["--scenes", 10], "scenes: expected 1..9"),
    ],
)
def test_wrong_use_is_told(run_cli, host, more, said):  # noqa: F811
    outcome = run_cli(*build(host, *more))
    assert outcome.code == 2 and said in outcome.err
    assert not (host / "study").exists() and not (host / "key.json").exists()


def test_results_are_asked_for(run_cli, host):  # noqa: F811
    outcome = run_cli(*build(host, results=False))
    assert outcome.code == 2 and "expected results: a folder of them with --results" in outcome.err


def test_faults_of_results_refuse_the_study(run_cli, host):  # noqa: F811
    (host / "results" / TEAMS[0] / f"{TEAMS[0]}-011.png").unlink()
    outcome = run_cli(*build(host))
    assert outcome.code == 3 and "northern-lights: 011: missing" in outcome.err


def test_a_contest_without_a_jury_is_refused(run_cli, host):  # noqa: F811
    outcome = run_cli(*build(host, contest="raim2026-fusion"))
    assert outcome.code == 2 and "raim2026-fusion: has no jury" in outcome.err
