import io
import re
import shutil
import sys
from importlib import import_module

import pytest
from rich.console import Console

from gpu_metrics import engine
from gpu_metrics.engine import Scorer
from gpu_metrics.errors import EngineError
from gpu_metrics.results import Run

# needs neither weights nor masks
PLAIN = "infrared-sr2026"


@pytest.fixture
def rescore(gallery, run_cli, tmp_path):
    """Rescore into `tmp_path / "runs"` in this process."""

    def run(*arguments):
        places = ["--reference", gallery.reference, "-o", tmp_path / "runs"]
        return run_cli("rescore", "--profile", PLAIN, "--device", "cpu", *places, *arguments)

    return run


def digits(run):
    return run.submission, run.images, run.means, run.scores


def saved(runs):
    return {path.stem: digits(Run.load(path)) for path in runs.glob("*.json")}


def contents(runs):
    return {path.name: path.read_bytes() for path in runs.glob("[!.]*") if "rows" not in path.name}


def test_records_and_a_table_of_all(rescore, teams, tmp_path, gallery):
    outcome = rescore(*teams)
    assert (outcome.code, outcome.err) == (0, "")
    scorer = Scorer(PLAIN, gallery.reference, device="cpu")
    alone = {team.name: scorer.score(team) for team in teams}
    assert saved(tmp_path / "runs") == {name: digits(run) for name, run in alone.items()}
    table = (tmp_path / "runs" / "scores.csv").read_text("utf-8").splitlines()
    assert table[0] == "submission,status,total,psnr,ssim,reason"
    assert table[1:] == [
        f"{name},complete,{run.scores['total']!r},{run.means['psnr']!r},{run.means['ssim']!r},"
        for name, run in alone.items()
    ]
    shown = [line.split() for line in outcome.out.splitlines()]
    best = max(alone.values(), key=lambda run: run.scores["total"])
    assert shown[4][0] == best.submission


def test_again_nothing_is_measured_and_no_byte_changes(rescore, teams, tmp_path, monkeypatch):
    rescore(*teams[:3])
    before = contents(tmp_path / "runs")
    monkeypatch.setattr(engine, "measure", None)
    outcome = rescore(*reversed(teams[:3]))
    assert (outcome.code, outcome.err) == (0, "")
    assert contents(tmp_path / "runs") == before


def test_a_changed_submission_is_not_served_stale(rescore, teams, tmp_path, gallery):
    mine = shutil.copytree(teams[0], tmp_path / "mine")
    rescore(mine, teams[1])
    before = contents(tmp_path / "runs")
    shutil.copy(teams[2] / "004.png", mine / "004.png")
    assert rescore(mine, teams[1]).code == 0
    after = contents(tmp_path / "runs")
    assert {name for name in after if after[name] != before[name]} == {"mine.json", "scores.csv"}
    fresh = Scorer(PLAIN, gallery.reference, device="cpu").score(mine)
    assert saved(tmp_path / "runs")["mine"] == digits(fresh)


def test_submissions_at_fault_are_listed_and_stop_no_other(rescore, teams, tmp_path):
    faulty = [shutil.copytree(team, tmp_path / team.name) for team in teams[:2]]
    (faulty[0] / "003.png").write_bytes(b"")
    (faulty[1] / "005.png").unlink()
    outcome = rescore(*faulty, *teams[2:])
    assert outcome.code == 1
    assert sorted(outcome.err.splitlines()) == [
        "2 of 4 submissions have no score",
        "team0: partial: 003.png: empty file",
        "team1: refused: the submission does not match the reference set (5 of 6 images found): "
        "005: missing",
    ]
    assert {*saved(tmp_path / "runs")} == {"team0", "team2", "team3"}
    table = (tmp_path / "runs" / "scores.csv").read_text("utf-8").splitlines()
    assert [line.split(",")[1] for line in table[1:]] == [
        "partial",
        "refused",
        "complete",
        "complete",
    ]


def test_what_the_engine_gave_up_is_its_own_exit_code(rescore, teams, monkeypatch):
    score = Scorer.score_together

    def faulty(self, submissions, *progress):
        if "team1" in dict(submissions):
            raise EngineError("the device is on fire")
        return score(self, submissions, *progress)

    monkeypatch.setattr(Scorer, "score_together", faulty)
    outcome = rescore(*teams)
    assert outcome.code == 4
    assert "team1: failed: the device is on fire" in outcome.err
    assert "team3" in outcome.out


def test_image_by_image_scores_the_same(rescore, teams, tmp_path):
    assert rescore(*teams).code == 0
    here = contents(tmp_path / "runs")
    shutil.rmtree(tmp_path / "runs")
    assert rescore(*teams, "--order", "images", "--keep-gigabytes", 0).code == 0
    assert contents(tmp_path / "runs")["scores.csv"] == here["scores.csv"]


def test_worker_processes_score_the_same(rescore, teams, tmp_path):
    assert rescore(*teams).code == 0
    here = contents(tmp_path / "runs")
    shutil.rmtree(tmp_path / "runs")
    outcome = rescore(*teams, "--jobs", 2)
    assert (outcome.code, outcome.err) == (0, "")
    there = contents(tmp_path / "runs")
    assert there["scores.csv"] == here["scores.csv"]


def test_zip_files_score_as_their_folders_do(rescore, teams, tmp_path):
    (tmp_path / "uploads").mkdir()
    shutil.make_archive(str(tmp_path / "uploads" / "team0"), "zip", teams[0])
    shutil.copytree(teams[1], tmp_path / "uploads" / "team1")
    assert rescore("--all-in", tmp_path / "uploads").code == 0
    from_files = saved(tmp_path / "runs")
    shutil.rmtree(tmp_path / "runs")
    assert rescore(*teams[:2]).code == 0
    assert saved(tmp_path / "runs") == from_files


def test_one_bar_counts_submissions_and_images(rescore, teams, monkeypatch):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system=None, width=100)
    for module in ("app", "rescore"):
        monkeypatch.setattr(import_module(f"gpu_metrics.cli.{module}"), "talk", console)
    assert rescore(*teams).code == 0
    drawn = re.sub(r"\x1b\[[0-9?]*[A-Za-z]|[━╸╺]", "", screen.getvalue())
    assert re.search(r"rescoring +4/4 submissions, 24 images", drawn)


def test_paths_come_from_stdin_too_and_each_counts_once(rescore, teams, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{teams[1]}\n\n{teams[0]}\n"))
    assert rescore(teams[0], "-").code == 0
    assert {*saved(tmp_path / "runs")} == {"team0", "team1"}


def test_equal_names_are_told_apart(rescore, teams, tmp_path):
    places = [shutil.copytree(teams[n], tmp_path / f"u{n}" / "results") for n in (0, 1)]
    assert rescore(*places).code == 0
    assert {*saved(tmp_path / "runs")} == {"u0-results", "u1-results"}


def test_rows_may_lie_elsewhere(rescore, teams, tmp_path):
    assert rescore(teams[0], "--cache", tmp_path / "rows").code == 0
    assert [path.name for path in (tmp_path / "rows").iterdir()] == ["rows.sqlite"]
    assert sorted(contents(tmp_path / "runs")) == ["scores.csv", "team0.json"]
    assert not (tmp_path / "runs" / "rows.sqlite").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "expected submissions: name them, or a folder of them with --all-in DIR"),
        (["absent", "gone.zip"], 2, "no such file or folder:\n  absent\n  gone.zip"),
        (["--all-in", "absent"], 2, "absent: cannot be listed: No such file or directory"),
        ([".", "--device", "all"], 2, "'all' is a process for each GPU, without --jobs; CUDA"),
        ([".", "--device", "cuda:99"], 4, "device 'cuda:99' is not there"),
        ([".", "--jobs", "0"], 2, "--jobs"),
    ],
)
def test_wrong_use_is_told_and_writes_nothing(rescore, tmp_path, arguments, code, message):
    outcome = rescore(*arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.err
    assert not (tmp_path / "runs" / "scores.csv").exists()


def test_a_single_score_keeps_its_rows_where_it_is_told(gallery, run_cli, tmp_path, monkeypatch):
    arguments = ["--reference", gallery.reference, "--profile", PLAIN, "--device", "cpu"]
    command = ["score", gallery.submission, *arguments, "--cache", tmp_path / "rows"]
    first = run_cli(*command)
    monkeypatch.setattr(engine, "measure", None)
    again = run_cli(*command)
    assert (again.code, again.out, again.err) == (0, first.out, "")
