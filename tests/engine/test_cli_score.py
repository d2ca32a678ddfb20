import io
import json
from importlib import import_module

import numpy as np
import pytest
import torch
from rich.console import Console

from gpu_metrics.cli.app import progress
from gpu_metrics.engine import Scorer
from gpu_metrics.results import Run

# needs neither weights nor masks
PLAIN = "infrared-sr2026"


@pytest.fixture
def score(gallery, run_cli):
    """Score the gallery with more options, by the plain profile."""

    def run(*options):
        arguments = ["--profile", PLAIN, "--reference", gallery.reference, *options]
        return run_cli("score", gallery.submission, *arguments)

    return run


def words(text):
    """Text on one line, however a narrow screen broke it."""
    return " ".join(text.split())


def test_the_table_is_all_there_is_on_stdout(score):
    outcome = score()
    assert (outcome.code, outcome.err) == (0, "")
    lines = [line.split() for line in outcome.out.splitlines() if line.strip()]
    assert lines[0] == "submission: infrared-sr2026 1.0, 6 images, cpu".split()
    run = Run.from_json(score("--format", "json").out)
    assert ["psnr", f"{run.means['psnr']:.4f}", "dB", "6"] in lines
    assert ["ssim", f"{run.means['ssim']:.4f}", "6"] in lines
    assert ["total", f"{run.scores['total']:.2f}"] in lines


def test_json_and_both_files_are_one_record(gallery, score, tmp_path):
    record, rows = tmp_path / "new" / "run.json", tmp_path / "rows.csv"
    outcome = score("--format", "json", "-o", record, "--per-image", rows)
    assert (outcome.code, outcome.err) == (0, "")
    assert record.read_text("utf-8") == outcome.out
    run = Run.load(record)
    assert rows.read_text("utf-8") == run.to_csv()
    assert len(rows.read_text("utf-8").splitlines()) == 1 + len(gallery.truth)
    expected = Scorer(PLAIN, gallery.reference, device="cpu").score(gallery.submission)
    assert run == expected


def test_folders_may_be_named_apart(gallery, score, run_cli):
    outcome = run_cli(
        *("score", gallery.submission, "--profile", PLAIN, "--format", "json"),
        *("--gt", gallery.reference / "gt", "--masks", gallery.reference / "mask"),
    )
    assert outcome.out == score("--format", "json").out


@pytest.mark.weights
def test_the_official_profile_is_the_default(gallery, run_cli, trunk_weights):
    trunk_weights("alex")  # a first fetch would have its say
    outcome = run_cli("score", gallery.submission, "--reference", gallery.reference)
    assert outcome.code == 0
    assert "raim2026-flash-portrait 3.0" in outcome.out
    lines = [line.split() for line in outcome.out.splitlines()]
    (lpips,) = (line for line in lines if line[:1] == ["lpips_person"])
    assert lpips[-2:] == ["4", "2"]
    assert outcome.err.splitlines() == [
        "note: 002: delta_e_person is not scored: the region person selects no pixel",
        "note: 002: lpips_person is not scored: the region person selects no pixel",
        "note: 003: lpips_person is not scored: not defined for a box of 26 x 26 (needs 31 x 31)",
    ]


def test_rejected_images_are_listed_and_there_is_no_score(spoiled, run_cli, tmp_path):
    (spoiled.submission / "004.png").write_bytes(b"")
    (spoiled.submission / "notes.txt").touch()
    outcome = run_cli(
        *("score", spoiled.submission, "--reference", spoiled.reference),
        *("--profile", PLAIN, "-o", tmp_path / "run.json"),
    )
    assert outcome.code == 1
    assert ["total", "-"] in [line.split() for line in outcome.out.splitlines()]
    assert outcome.err.splitlines() == [
        "note: notes.txt: passed over, not an image by its name",
        "rejected: 004.png: empty file",
        "1 of 6 images rejected, so there is no score",
    ]
    assert Run.load(tmp_path / "run.json").status == "partial"


@pytest.mark.parametrize(
    "places",
    [[], ["--masks", "m"], ["--reference", "r", "--gt", "g"], ["--reference", "r", "--masks", "m"]],
)
def test_one_way_to_name_the_reference_is_asked_for(gallery, run_cli, places):
    outcome = run_cli("score", gallery.submission, *places)
    assert (outcome.code, outcome.out) == (2, "")
    assert "expected either --reference DIR, or --gt DIR with --masks DIR" in outcome.err


def test_a_reference_at_fault_is_wrong_use(spoiled, run_cli):
    (spoiled.reference / "gt" / "002.png").write_text("damaged")
    reference = ["--profile", PLAIN, "--reference"]
    outcome = run_cli("score", spoiled.submission, *reference, spoiled.reference)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.splitlines()[0] == "error: the reference set cannot be used:"
    assert f"{spoiled.reference}/gt/002.png: not an image file" in outcome.err

    absent = run_cli("score", spoiled.submission, *reference, spoiled.reference / "absent")
    assert absent.code == 2
    assert "absent: expected a folder with gt/ and mask/" in absent.err


def test_a_reference_without_masks_is_wrong_use(gallery, run_cli):
    outcome = run_cli("score", gallery.submission, "--gt", gallery.reference / "gt")
    assert outcome.code == 2
    assert "raim2026-flash-portrait scores regions and needs masks" in outcome.err


def test_a_submission_that_does_not_match_is_refused(spoiled, run_cli):
    (spoiled.submission / "002.png").unlink()
    (spoiled.submission / "004.png").rename(spoiled.submission / "[red]:x:.png")
    arguments = ["--profile", PLAIN, "--reference", spoiled.reference]
    outcome = run_cli("score", spoiled.submission, *arguments)
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.splitlines() == [
        "error: the submission does not match the reference set (4 of 6 images found):",
        "  002: missing",
        "  004: missing",
        "  [red]:x:.png: no image of the set is called [red]:x:",
    ]


def test_long_lists_of_faults_fit_on_a_screen(spoiled, run_cli):
    for number in range(100, 150):
        (spoiled.submission / f"{number}.png").touch()
    arguments = ["--profile", PLAIN, "--reference", spoiled.reference]
    outcome = run_cli("score", spoiled.submission, *arguments)
    lines = outcome.err.splitlines()
    assert len(lines) == 42
    assert lines[-1] == "  ... and 10 more"


def test_no_submission_is_refused(gallery, run_cli):
    outcome = run_cli("score", "no/such/team", "--reference", gallery.reference)
    assert outcome.code == 3
    assert "team: expected a folder of images" in outcome.err


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--profile", "infrared-sr2025"], 2, "did you mean 'infrared-sr2026'?"),
        (["--profile", "absent.toml"], 2, "absent.toml: cannot be read: No such file"),
        (["--device", "gpu"], 2, "expected 'auto', 'cpu', 'cuda' or 'cuda:N', got 'gpu'"),
        (["--device", "cuda:99"], 4, "device 'cuda:99' is not there; CUDA devices found: "),
        (["--format", "xml"], 2, "xml"),
        (["--no-such-option"], 2, "--no-such-option"),
    ],
)
def test_wrong_options_are_told(score, options, code, message):
    outcome = score(*options)
    assert (outcome.code, outcome.out) == (code, "")
    assert message in words(outcome.err)


@pytest.mark.parametrize("option", ["-o", "--per-image"])
def test_files_that_cannot_be_written_are_the_engines_fault(score, tmp_path, option):
    (tmp_path / "file").touch()
    outcome = score(option, tmp_path / "file" / "run")
    assert outcome.code == 4
    assert f"{tmp_path}/file/run: cannot be written: " in outcome.err


def test_weights_that_are_not_there_are_wrong_use(gallery, run_cli, tmp_path):
    arguments = ["--reference", gallery.reference, "--weights", tmp_path]
    outcome = run_cli("score", gallery.submission, *arguments)
    assert outcome.code == 2
    assert f"{tmp_path}: expected a .pth or .safetensors file of alexnet" in outcome.err


@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(5, "Input/output error"), 4, "Input/output error"),
        (RuntimeError("CUDA error: an illegal memory access"), 4, "illegal memory access"),
        (torch.OutOfMemoryError("CUDA out of memory"), 4, "does not fit into the memory of cpu"),
    ],
)
def test_faults_at_work_have_their_exit_code(score, monkeypatch, tmp_path, fault, code, message):
    def measure(*arguments):
        raise fault

    monkeypatch.setattr("gpu_metrics.engine.measure", measure)
    outcome = score("-o", tmp_path / "run.json")
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["[/]", "[bold", "a\\"])
def test_progress_shows_names_as_they_are(monkeypatch, name):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system=None, width=80)
    monkeypatch.setattr(import_module("gpu_metrics.cli.app"), "talk", console)
    with progress(f"scoring {name}") as on_progress:
        on_progress(1, 2)
    assert f"scoring {name} " in screen.getvalue()


def test_a_single_pixel_is_scored_as_far_as_it_goes(run_cli, tmp_path, write):
    for name in ("gt/001.png", "team/001.png"):
        write(tmp_path / name, np.full((1, 1, 3), 9, np.uint8))
    arguments = ["--profile", PLAIN, "--reference", tmp_path, "--format", "json"]
    outcome = run_cli("score", tmp_path / "team", *arguments)
    record = json.loads(outcome.out)
    assert outcome.code == 0
    assert record["means"] == {"psnr": 100, "ssim": None}
    assert record["scores"] == {"total": None}
    assert record["warnings"] == ["001: ssim is not scored: not defined for 1 x 1 (needs 11 x 11)"]


def test_a_profiled_run_tells_its_stages_apart_from_the_result(gallery, run_cli, tmp_path):
    trace = tmp_path / "trace.json"
    arguments = ["--profile", PLAIN, "--reference", gallery.reference, "--device", "cpu"]
    plain = run_cli("score", gallery.submission, *arguments, "--format", "json")
    profiled = run_cli(
        *("score", gallery.submission, *arguments, "--format", "json"),
        *("--threads", "2", "--profile-run", trace),
    )
    assert profiled.code == 0
    assert profiled.out == plain.out
    assert "decode" in profiled.err and "of all work" in profiled.err
    names = {event["name"] for event in json.loads(trace.read_text())["traceEvents"]}
    assert {"decode", "read and hash"} <= names
