import subprocess
import sys
import zipfile

import cv2
import numpy as np

from gpu_metrics.intake.validation import validate, wanted_by_names
from gpu_metrics.profiles import load_profile
from tests.platforms.codabench_rules import described


def test_the_sample_submission_is_valid_and_grey(bundle, gallery, plain):
    kit = bundle() / "starting_kit"
    wanted = wanted_by_names(kit / "names.txt", plain.images)
    assert validate(kit / "sample_submission.zip", wanted, plain.images, deep=True).fit == 6
    with zipfile.ZipFile(kit / "sample_submission.zip") as archive:
        for id_, truth in gallery.truth.items():
            data = np.frombuffer(archive.read(f"{id_}.png"), np.uint8)
            image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
            assert image.shape == truth.shape and (image == 128).all()


def test_the_local_scorer_gives_the_scores_of_the_server(bundle, gallery, run_cli):
    kit = bundle() / "starting_kit"
    command = [sys.executable, kit / "local_scorer.py", gallery.submission, gallery.reference]
    local = subprocess.run([*command, "--format", "json"], capture_output=True, text=True)
    expected = run_cli(
        *("score", gallery.submission, "--reference", gallery.reference),
        *("--profile", kit / "profile.toml", "--format", "json"),
    )
    assert (local.returncode, local.stderr) == (0, "")
    assert local.stdout.split('"provenance"')[0] == expected.out.split('"provenance"')[0]


def test_the_local_scorer_says_how_it_is_used(bundle):
    command = [sys.executable, bundle() / "starting_kit" / "local_scorer.py"]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 1
    assert "SUBMISSION is a zip file or a folder" in told.stderr


def test_networks_travel_with_the_program(bundle):
    folder = bundle(weights={"alexnet-features.safetensors": b"weights"})
    weights = folder / "scoring_program" / "weights"
    assert (weights / "alexnet-features.safetensors").read_bytes() == b"weights"


def test_the_pages_tell_the_rules(bundle):
    official = load_profile("raim2026-flash-portrait")
    folder = bundle(profile=official)
    evaluation = (folder / described(folder)["pages"][1]["file"]).read_text()
    for name, expression in official.formula.items():
        assert f"{name} = {expression.text}" in evaluation
    assert "| `lpips_person` | lpips (net alex, mode box, pad 8) | `mask >= 128` | lower |" in (
        evaluation
    )
    submission = (folder / described(folder)["pages"][2]["file"]).read_text()
    assert "6 images" in submission and "`.png`" in submission


def test_the_logo_is_a_picture(bundle):
    data = (bundle() / "logo.png").read_bytes()
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image.shape == (256, 256)
    assert (image[128, 64], image[128, 192], image[0, 0], image[0, 255]) == (236, 44, 44, 236)
    assert data.startswith(b"\x89PNG")
