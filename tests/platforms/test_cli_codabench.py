import json

import pytest
import yaml

from gpu_metrics.platforms.codabench.bundle import zip_folder
from tests.platforms.codabench_rules import refused

PLAIN = ["--profile", "infrared-sr2026"]


@pytest.fixture
def bundle(gallery, run_cli, tmp_path):
    """Write a bundle by the command line: how it ended, and where it is."""

    def run(*options):
        arguments = ["--docker-image", "ours:1", "-o", tmp_path / "bundle", *options]
        return run_cli("codabench", "bundle", *PLAIN, *arguments), tmp_path / "bundle"

    return run


def test_a_bundle_is_written_from_options(bundle, gallery, tmp_path):
    (tmp_path / "overview.md").write_text("Welcome.")
    outcome, folder = bundle(
        *("--reference", gallery.reference, "--title", "Ours", "--queue", "af"),
        *("--phase", "Dev, 2026-01-28, 2026-03-05T01:00+02:00", "--phase", "Test,2026-03-05"),
        *("--page", f"Overview={tmp_path / 'overview.md'}", "--limit", 900, "--on-error", "zero"),
    )
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.splitlines() == [f"{folder}: Ours"]
    assert refused(folder) == []
    content = yaml.safe_load((folder / "competition.yaml").read_text())
    assert [(p["name"], p["start"], p.get("end")) for p in content["phases"]] == [
        ("Dev", "2026-01-28 00:00:00", "2026-03-04 23:00:00"),
        ("Test", "2026-03-05 00:00:00", None),
    ]
    assert (content["queue"], content["phases"][0]["execution_time_limit"]) == ("af", 900)


def test_a_bundle_needs_few_options(bundle):
    outcome, folder = bundle()
    assert outcome.code == 0
    assert "upload the data as a data set" in outcome.err
    assert refused(folder) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--phase", "Dev"], "--phase: expected NAME,START or NAME,START,END, got 'Dev'"),
        (["--phase", "Dev,soon"], "--phase: 'Dev,soon': Invalid isoformat string"),
        (["--page", "Overview"], "--page: expected TITLE=FILE, got 'Overview'"),
        (["--page", "Overview=absent.md"], "--page: absent.md cannot be read"),
        (["--page", "Overview=/dev/null"], "--page: /dev/null is empty"),
        (["--limit", "5"], "limit: expected 60 s or more, got 5"),
    ],
)
def test_options_that_do_not_fit_are_told(bundle, options, message):
    outcome, folder = bundle(*options)
    assert outcome.code == 2
    assert message in " ".join(outcome.err.split())
    assert not folder.exists()


def test_a_dry_run_shows_the_board(gallery, run_cli, tmp_path):
    submission = zip_folder(gallery.submission, tmp_path / "team.zip")
    arguments = ["--reference", gallery.reference, "-o", tmp_path / "output", *PLAIN]
    outcome = run_cli("codabench", "run", submission, *arguments)

    scores = json.loads((tmp_path / "output" / "scores.json").read_text())
    lines = [line.split() for line in outcome.out.splitlines() if line.strip()]
    assert outcome.code == 0
    assert lines[0] == ["Finished"]
    assert ["total", "total", f"{scores['total']:.2f}"] in lines
    assert ["psnr", "psnr", f"{scores['psnr']:.4f}"] in lines


def test_a_dry_run_fails_where_the_platform_would(bundle, gallery, run_cli, tmp_path):
    _, folder = bundle("--reference", gallery.reference)
    submission = zip_folder(folder / "pages", tmp_path / "team.zip")
    arguments = ["--bundle", folder, "-o", tmp_path / "output"]
    outcome = run_cli("codabench", "run", submission, *arguments)
    assert outcome.code == 1
    assert outcome.out.startswith("Failed: the scoring program ended with status 3\n")
    assert "0 of 6 images found" in outcome.err


@pytest.mark.parametrize("places", [[], ["--bundle", "b", "--reference", "r"]])
def test_a_dry_run_needs_one_source(run_cli, places):
    outcome = run_cli("codabench", "run", "team.zip", *places)
    assert outcome.code == 2
    assert "expected either --bundle, or --reference with --profile" in outcome.err


def test_the_scoring_program_is_a_verb(app, run_cli):
    outcome = run_cli("codabench", "score", app / "input", app / "output", *PLAIN)
    assert (outcome.code, outcome.out) == (0, "")
    assert (app / "output" / "scores.json").is_file()
    (app / "input" / "res" / "001.png").unlink()
    assert run_cli("codabench", "score", app / "input", app / "output", *PLAIN).code == 3


@pytest.mark.weights
def test_networks_travel_with_the_program(gallery, run_cli, tmp_path, trunk_weights):
    trunk_weights("alex")
    arguments = ["--docker-image", "ours:1", "-o", tmp_path / "bundle"]
    outcome = run_cli("codabench", "bundle", "--reference", gallery.reference, *arguments)
    assert outcome.code == 0
    weights = tmp_path / "bundle" / "scoring_program" / "weights"
    assert [path.name for path in weights.iterdir()] == ["alexnet-features.safetensors"]
    scored = run_cli("weights", "alex", "--path", weights, "--offline")
    assert scored.code == 0
