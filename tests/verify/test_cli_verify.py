import json
import subprocess
import sys

import cv2
import pytest

from gpu_metrics.engine import Scorer
from tests.verify.conftest import PLAIN


@pytest.fixture
def records(spoiled, tmp_path):
    """Records of the gallery and of a copy in which one image is blurred."""
    scorer = Scorer(PLAIN, spoiled.reference, device="cpu")
    scorer.score(spoiled.submission, name="online").save(tmp_path / "online.json")
    path = spoiled.submission / "005.png"
    cv2.imwrite(str(path), cv2.GaussianBlur(cv2.imread(str(path)), (5, 5), 1.0))
    scorer.score(spoiled.submission, name="again").save(tmp_path / "again.json")
    return tmp_path / "online.json", tmp_path / "again.json"


def test_records_are_compared_by_their_own_profile(records, run_cli, tmp_path):
    online, again = records
    outcome = run_cli("verify", online, again, "--html", tmp_path / "report.html")
    assert outcome.code == 1
    assert outcome.out.startswith("deviates: total is ")
    assert "online against again by infrared-sr2026 1.0: 5 of 6 images have the same pixels" in (
        outcome.out
    )
    lines = [line.split() for line in outcome.out.splitlines()]
    assert ["006", "same", "0", "0", "0.00"] in lines
    assert "005" in (tmp_path / "report.html").read_text()

    same = run_cli("verify", online, online)
    assert (same.code, same.out.splitlines()[0]) == (0, "match: all 6 images have the same pixels")


def test_json_is_all_there_is_on_stdout(records, run_cli, tmp_path):
    (tmp_path / "board.csv").write_text("team,score\nours,1\nother,0\n")
    board = ["--board", tmp_path / "board.csv", "--team", "ours"]
    outcome = run_cli("verify", *records, "--format", "json", *board)
    record = json.loads(outcome.out)
    assert (outcome.code, outcome.err) == (1, "")
    assert (record["verdict"], record["images"][0]["id"]) == ("deviates", "005")
    assert record["images"][0]["identical"] is None
    assert record["rank"] == {"online": 1, "reproduced": 1, "teams": 2, "passed": []}


def test_images_are_scored_and_their_pixels_compared(gallery, spoiled, run_cli):
    path = spoiled.submission / "005.png"
    image = cv2.imread(str(path))
    image[0, 0, 0] ^= 1
    cv2.imwrite(str(path), image)
    outcome = run_cli(
        *("verify", gallery.submission, spoiled.submission, "--format", "json"),
        *("--profile", PLAIN.name, "--reference", gallery.reference),
    )
    record = json.loads(outcome.out)
    images = {image["id"]: image for image in record["images"]}
    assert (outcome.code, record["verdict"]) == (0, "match")
    assert images["005"]["pixels"]["largest"] == 1
    assert [id_ for id_, image in images.items() if not image["identical"]] == ["005"]


def test_a_record_and_images_are_compared_by_hashes_of_files(records, gallery, run_cli):
    online, _ = records
    arguments = ["--reference", gallery.reference]
    outcome = run_cli("verify", online, gallery.submission, *arguments)
    assert (outcome.code, outcome.out[:7]) == (0, "match: ")


def test_a_reproduction_with_damaged_images_deviates(gallery, spoiled, run_cli):
    (spoiled.submission / "002.png").write_bytes(b"")
    outcome = run_cli(
        *("verify", gallery.submission, spoiled.submission),
        *("--profile", PLAIN.name, "--reference", gallery.reference),
    )
    assert outcome.code == 1
    assert outcome.out.startswith("deviates: 002: rejected, empty file\n")


def test_images_need_a_reference(gallery, run_cli):
    outcome = run_cli("verify", gallery.submission, gallery.submission)
    assert outcome.code == 2
    assert "--reference: expected a reference set" in outcome.err


def test_what_is_no_record_is_told(run_cli, tmp_path):
    (tmp_path / "a.json").write_text("{}")
    outcome = run_cli("verify", tmp_path / "a.json", tmp_path / "a.json")
    assert outcome.code == 2
    assert "a.json: schema_version: expected 1, got None" in outcome.err


def test_records_are_compared_without_torch(records):
    code = (
        "import sys; from gpu_metrics.cli import main\n"
        "try: main()\n"
        "finally: assert not {'torch', 'numpy', 'cv2'} & {*sys.modules}"
    )
    command = [sys.executable, "-c", code, "verify", *map(str, records)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout.startswith("deviates")


@pytest.fixture
def board(records, run_cli, tmp_path):
    """A board with the online run of a team, and one of another team that is a little behind."""
    online, again = records
    where = ["--db", tmp_path / "board.sqlite", "--phase", "Phase 2"]
    for team, path in (("ours", online), ("theirs", again)):
        assert run_cli("board", "add", path, *where, "--team", team).code == 0
    return where


def test_a_deviating_team_is_struck_out_and_the_history_says_why(records, board, run_cli):
    ours = [*board, "--team", "ours"]
    outcome = run_cli("verify", *records, *ours, "--format", "json")
    assert (outcome.code, outcome.err) == (1, "")
    rank = json.loads(outcome.out)["rank"]
    # a blur takes noise away, and the reproduction scores what the other team has
    assert rank == {"online": 2, "reproduced": 1, "teams": 2, "passed": ["theirs"]}
    assert "strike" not in run_cli("board", "history", *board, "--format", "csv").out

    outcome = run_cli("verify", *records, *ours, "--strike")
    assert outcome.code == 1
    assert outcome.err == "ours, Phase 2: struck out\n"
    history = run_cli("board", "history", *board, "--format", "csv").out
    assert "the reproduction deviates: total is " in history
    shown = run_cli("board", "show", *board, "--draws", 0, "--format", "csv").out
    assert "ours,-,-," in shown


def test_a_team_that_reproduces_is_not_struck_out(records, board, run_cli):
    online, _ = records
    outcome = run_cli("verify", online, online, *board, "--team", "ours", "--strike")
    assert (outcome.code, outcome.err) == (0, "")
    assert "deviates" not in run_cli("board", "history", *board).out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--strike"], "--strike: expected --db, --phase and --team with it"),
        (["--db", "board.sqlite", "--team", "a"], "--db: expected --phase and --team with it"),
    ],
)
def test_a_board_needs_phase_and_team(records, run_cli, options, message):
    outcome = run_cli("verify", *records, *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in " ".join(outcome.err.split())
