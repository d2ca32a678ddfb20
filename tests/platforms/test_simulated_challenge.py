"""A small challenge from the first upload to the awards, by the commands that hosts would type."""

import csv
import io
import json
import zipfile

import cv2
import numpy as np
import pytest

from gpu_metrics.platforms.codabench.bundle import zip_folder
from gpu_metrics.results import Run
from gpu_metrics.study.manifest import Key
from tests.study.serving.running import ballot_of, served, visitor

# how much noise a team leaves; what it hands in as west has less than what its code gives
NOISE = {"west": 2, "north": 4, "ridge": 7, "south": 8, "vale": 10, "east": 12}


def restored(gallery, folder, team, noise):
    """What a team's code writes: the truth with noise of its own."""
    folder.mkdir(parents=True)
    generator = np.random.Generator(np.random.PCG64(sum(team.encode())))
    for id_, truth in gallery.truth.items():
        image = truth + generator.normal(0, noise, truth.shape)
        stored = image.clip(0, 255).round().astype(np.uint8)[..., ::-1]
        assert cv2.imwrite(str(folder / f"{id_}.png"), stored)
    return folder


def tidy(folder, upload):
    return zip_folder(folder, upload)


def incomplete(folder, upload):
    (folder / "004.png").rename(folder.with_suffix(".004"))
    zip_folder(folder, upload)
    folder.with_suffix(".004").rename(folder / "004.png")
    return upload


def messy(folder, upload):
    """Folders around and beside the images, what systems leave, and names of one's own."""
    with zipfile.ZipFile(upload, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"final v2/results/{path.stem}_ours.png")
            archive.writestr(f"__MACOSX/final v2/results/._{path.stem}_ours.png", b"")
        archive.writestr("final v2/.DS_Store", b"")
        archive.writestr("final v2/readme.txt", "runtime per image[s]: 0.42\nGPU[0]/CPU[1] :0\n")
    return upload


@pytest.fixture
def challenge(gallery, run_cli, tmp_path, trunk_weights):
    """Phase 2 of the challenge: teams have handed in, and the board has their runs."""
    trunk_weights("alex")
    bundle = tmp_path / "bundle.zip"
    outcome = run_cli(
        *("codabench", "bundle", "--reference", gallery.reference, "-o", bundle),
        *("--docker-image", "ours:1", "--phase", "Phase 2,2026-01-28,2026-03-05"),
    )
    assert outcome.code == 0

    def upload(team, pack, attempt):
        folder = tmp_path / "online" / team
        if not folder.exists():
            restored(gallery, folder, team, NOISE[team])
        output = tmp_path / "scored" / f"{team}-{attempt}"
        submission = pack(folder, tmp_path / f"{team}-{attempt}.zip")
        outcome = run_cli("codabench", "run", submission, "--bundle", bundle, "-o", output)
        if outcome.code == 0:
            at = f"2026-02-0{attempt}T12:00:00Z"
            run_cli("board", "add", output / "run.json", *board("phase2", team), "--at", at)
        return outcome

    def board(phase, team=None):
        where = ["--db", tmp_path / "board.sqlite", "--phase", phase]
        return where if team is None else [*where, "--team", team]

    upload.board = board
    return upload


def shown(outcome):
    return list(csv.reader(io.StringIO(outcome.out)))


def judged(gallery, run_cli, tmp_path):
    """Votes on four scenes: two jurors pick the two cleanest teams, and each one of their own."""
    (tmp_path / "jurors.csv").write_text("juror,tied_to\nAda,\nBen,\n")
    study, key = tmp_path / "study", tmp_path / "key.json"
    dark = tmp_path / "input"
    dark.mkdir()
    for id_, truth in gallery.truth.items():
        assert cv2.imwrite(str(dark / f"{id_}.png"), truth[..., ::-1] // 4)
    built = run_cli(
        *("study", "build", "raim2026-flash-portrait", "--db", tmp_path / "board.sqlite"),
        *("--results", tmp_path / "again", "--inputs", dark, "--jurors", tmp_path / "jurors.csv"),
        *("-o", study, "--key", key, "--scenes", 4, "--practice", 1, "--repeats", 1),
    )
    assert built.code == 0
    teams = Key.load(key).teams
    third = {"Ada": "south", "Ben": "vale"}
    with served(study) as address:
        for juror in Key.load(key).jurors.values():
            with visitor(address, juror.invitation) as browser:
                for shown in browser.get("/state").json()["screens"]:
                    wanted = "north", "ridge", third[juror.name]
                    picks = [token for token in shown["order"] if teams[token] in wanted]
                    answer = browser.post("/ballots", json=ballot_of(shown, picks=picks))
                    assert answer.status_code == 201
    votes = tmp_path / "votes.csv"
    assert run_cli("study", "tally", study, "--key", key, "-o", votes, "--draws", 0).code == 0
    return votes


@pytest.mark.weights
def test_a_challenge_runs_from_upload_to_awards(challenge, gallery, run_cli, tmp_path):
    board = challenge.board
    failed = challenge("east", incomplete, 1)
    assert failed.code == 1
    assert "(5 of 6 images found): 004: missing" in failed.err
    for team in NOISE:
        pack = messy if team == "south" else tidy
        assert challenge(team, pack, 2).code == 0
    standing = shown(run_cli("board", "show", *board("phase2"), "--format", "csv", "--draws", 0))
    assert standing[0] == ["place", "team", "LPIPS_person", "dE_person", "GlobalScore", "Score"]
    assert [row[1] for row in standing[1:]] == [*NOISE]

    # the hosts run everybody's code; that of west does not give what west handed in
    verdicts = {}
    for team, noise in (NOISE | {"west": 6}).items():
        again = restored(gallery, tmp_path / "again" / team, team, noise)
        record = again.with_suffix(".json")
        scored = run_cli("score", again, "--reference", gallery.reference, "-o", record)
        assert scored.code == 0
        online = tmp_path / "scored" / f"{team}-2" / "run.json"
        arguments = [online, record, *board("phase2", team), "--strike", "--format", "json"]
        verified = run_cli("verify", *arguments)
        verdicts[team] = verified.code, json.loads(verified.out)
    assert [(code, found["verdict"]) for code, found in verdicts.values()] == [
        *[(1, "deviates"), *[(0, "match")] * 5]
    ]
    rank = {"online": 1, "reproduced": 2, "teams": 6, "passed": ["north"]}
    assert verdicts["west"][1]["rank"] == rank
    # the names of south's files differ, their bytes do not
    reasons = verdicts["south"][1]["reasons"]
    assert reasons == ["all 6 images have the same pixels"]

    standing = shown(run_cli("board", "show", *board("phase2"), "--format", "csv", "--draws", 0))
    assert standing[1][:5] == ["1", "west", "-", "-", "-"]
    assert "the reproduction deviates" in run_cli("board", "history", *board("phase2")).out

    # phase 3 is scored from what the hosts ran themselves
    for team in NOISE:
        record = tmp_path / "again" / f"{team}.json"
        assert run_cli("board", "add", record, *board("phase3", team)).code == 0
    votes = judged(gallery, run_cli, tmp_path)
    final = run_cli(
        *("final", "raim2026-flash-portrait", "--db", tmp_path / "board.sqlite"),
        *("--given", votes, "--format", "csv", "--draws", 0),
    )
    table = shown(final)
    assert final.code == 0
    assert table[0] == ["place", "team", "Objective", "Picks", "UScore", "Final", "award"]
    rows = {row[1]: row for row in table[1:]}
    # west was struck out, and nobody judges what it handed in
    assert [*sorted(rows)] == ["east", "north", "ridge", "south", "vale"]
    assert {team: row[3] for team, row in rows.items()} == {
        "north": "8", "ridge": "8", "south": "4", "vale": "4", "east": "0",
    }  # fmt: skip
    objective = Run.load(tmp_path / "again" / "south.json").scores["total"]
    assert float(rows["south"][5]) == pytest.approx(0.7 * objective + 0.3 * 85, abs=0.005)
    awards = ["first class", *["second class"] * 2, *["third class"] * 2]
    assert [row[6] for row in table[1:]] == awards
