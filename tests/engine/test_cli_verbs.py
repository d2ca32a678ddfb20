import pytest
import torch

from gpu_metrics import demo
from gpu_metrics.demo import DemoSet
from gpu_metrics.doctor import known_answers
from gpu_metrics.profiles import load_profile, profile_names
from gpu_metrics.results import Run

OFFICIAL = "raim2026-flash-portrait"


def test_profiles_are_listed(run_cli):
    outcome = run_cli("profiles", "list")
    assert (outcome.code, outcome.err) == (0, "")
    lines = [line.split() for line in outcome.out.splitlines()]
    for name in profile_names():
        profile = load_profile(name)
        assert any(line[:3] == [name, profile.version, profile.digest[:12]] for line in lines)


def test_a_profile_is_shown_as_its_text(run_cli, tmp_path):
    outcome = run_cli("profiles", "show", OFFICIAL)
    digest = load_profile(OFFICIAL).digest
    assert (outcome.code, outcome.err) == (0, f"digest: {digest}\n")
    copy = tmp_path / "copy.toml"
    copy.write_text(outcome.out, "utf-8")
    assert load_profile(copy).digest == digest
    assert run_cli("profiles", "show", copy).out == outcome.out


def test_a_profile_is_explained_where_it_is_asked_to(run_cli):
    outcome = run_cli(
        "profiles", "check", OFFICIAL, "--at", "psnr_bg=24", "--at", "lpips_person=0.1"
    )
    assert outcome.code == 0
    assert f"{OFFICIAL} 3.0, digest {load_profile(OFFICIAL).digest}" in outcome.out
    lines = [line.split() for line in outcome.out.splitlines()]
    assert any(line[:2] == ["psnr_bg", "24.0000"] for line in lines)
    assert any(line[:2] == ["lpips_person", "0.1000"] for line in lines)
    assert "warning: " in outcome.out


@pytest.mark.parametrize("at", ["psnr_bg", "psnr_bg=", "psnr_bg=high", "=3=4"])
def test_an_operating_point_has_a_form(run_cli, at):
    outcome = run_cli("profiles", "check", OFFICIAL, "--at", at)
    assert (outcome.code, outcome.out) == (2, "")
    assert f"error: --at: expected NAME=NUMBER, got {at!r}" in outcome.err


@pytest.mark.parametrize("at", ["psnr=24", "psnr_bg=nan"])
def test_an_operating_point_has_known_names_and_numbers(run_cli, at):
    outcome = run_cli("profiles", "check", OFFICIAL, "--at", at)
    assert (outcome.code, outcome.out) == (2, "")
    assert "psnr_bg" in outcome.err


@pytest.mark.parametrize("verb", ["show", "check"])
def test_unknown_profiles_are_told(run_cli, verb):
    outcome = run_cli("profiles", verb, "raim2026-flash-portait")
    assert (outcome.code, outcome.out) == (2, "")
    assert f"did you mean {OFFICIAL!r}?" in outcome.err


@pytest.mark.weights
def test_weights_are_shown(run_cli, trunk_weights):
    outcome = run_cli("weights", "alex", "--offline")
    assert (outcome.code, outcome.err) == (0, "")
    (line,) = (line.split() for line in outcome.out.splitlines() if line.split()[:1] == ["alex"])
    assert line[1:3] == ["alexnet", trunk_weights("alex").sha256]


def test_weights_that_are_not_there_are_wrong_use(run_cli, tmp_path, monkeypatch):
    monkeypatch.setenv("GPU_METRICS_CACHE", str(tmp_path))
    monkeypatch.delenv("GPU_METRICS_WEIGHTS", raising=False)
    outcome = run_cli("weights", "--offline")
    assert (outcome.code, outcome.out) == (2, "")
    assert "error: " in outcome.err
    unknown = run_cli("weights", "squeeze", "--offline")
    assert unknown.code == 2
    assert "net: expected 'alex' or 'vgg', got 'squeeze'" in unknown.err


@pytest.mark.weights
def test_doctor_finds_nothing_wrong(run_cli, trunk_weights):
    for net in ("alex", "vgg"):
        trunk_weights(net)
    outcome = run_cli("doctor", "--device", "cpu")
    assert (outcome.code, outcome.err) == (0, "")
    ends = [line.split()[-1] for line in outcome.out.splitlines() if line.strip()]
    assert ends.count("ok") == len(known_answers(torch.device("cpu")))
    assert "FAILED" not in ends
    assert torch.__version__ in outcome.out


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("GPU_METRICS_CACHE", str(tmp_path))
    monkeypatch.delenv("GPU_METRICS_WEIGHTS", raising=False)


def test_doctor_notes_what_it_could_not_check(run_cli, no_weights):
    outcome = run_cli("doctor", "--device", "cpu")
    assert outcome.code == 0
    assert "note: lpips, alex was not checked: " in outcome.err
    assert "note: lpips, vgg was not checked: " in outcome.err


def test_doctor_fails_where_an_answer_is_wrong(run_cli, no_weights, monkeypatch):
    tampered = {"mse": (lambda x, y: torch.zeros(1), "0x1.5a330be4bd967p-11")}
    monkeypatch.setattr("gpu_metrics.doctor._KNOWN_BITS", tampered)
    outcome = run_cli("doctor", "--device", "cpu")
    assert outcome.code == 4
    (line,) = (line for line in outcome.out.splitlines() if line.split()[:1] == ["mse"])
    assert line.split()[-1] == "FAILED"


def test_doctor_wants_a_device_that_is_there(run_cli):
    assert run_cli("doctor", "--device", "tpu").code == 2
    assert run_cli("doctor", "--device", "cuda:99").code == 4


@pytest.fixture
def small_demo(gallery, monkeypatch):
    """The gallery in the place of a demo set, which takes longer to build."""

    def build(folder, *, groups, seed, on_progress):
        on_progress(groups, groups)
        teams = {"[noise]": gallery.submission, "truth": gallery.reference / "gt"}
        return DemoSet(gallery.reference, folder, teams, groups, seed)

    monkeypatch.setattr(demo, "build_demo", build)


def test_demo_prints_a_leaderboard_and_keeps_the_records(run_cli, small_demo, tmp_path):
    profile = "infrared-sr2026"
    outcome = run_cli("demo", "--folder", tmp_path, "--profile", profile, "--device", "cpu")
    assert outcome.code == 0
    lines = [line.split() for line in outcome.out.splitlines() if line.strip()]
    assert lines[0] == [profile, "1.0"]
    runs = {team: Run.load(tmp_path / "runs" / f"{team}.json") for team in ("truth", "[noise]")}
    assert runs["truth"].scores["total"] == 120
    assert [line[0] for line in lines[-2:]] == ["truth", "[noise]"]
    for line in lines[-2:]:
        assert line[-1] == f"{runs[line[0]].scores['total']:.2f}"
    assert f"images, submissions and run records are in {tmp_path}" in outcome.err


@pytest.mark.parametrize("options", [["--groups", "0"], ["--groups", "1000"], ["--seed", "-1"]])
def test_demo_has_limits(run_cli, tmp_path, options):
    outcome = run_cli("demo", "--folder", tmp_path / "demo", *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert not (tmp_path / "demo").exists()


def test_demo_can_be_interrupted(run_cli, monkeypatch, tmp_path):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "build_demo", interrupted)
    outcome = run_cli("demo", "--folder", tmp_path)
    assert (outcome.code, outcome.out, outcome.err) == (130, "", "interrupted\n")
