import json
import shutil

import pytest

from gpu_metrics.engine import Scorer
from gpu_metrics.platforms.grand_challenge import run_evaluation
from gpu_metrics.platforms.numbers import numbers


@pytest.fixture
def container(gallery, tmp_path):
    """Folders of a container in which six algorithm jobs have written an image each."""
    jobs = []
    for number, id_ in enumerate(gallery.truth):
        pk = f"job-{number}"
        place = tmp_path / "input" / pk / "output" / "images" / "restored"
        place.mkdir(parents=True)
        # the platform names files as it likes
        shutil.copyfile(gallery.submission / f"{id_}.png", place / f"{number * 7}.png")
        jobs.append(
            {
                "pk": pk,
                "inputs": [value("low-light", "images/low-light", f"{id_}.png")],
                "outputs": [value("restored", "images/restored", "x"), text("log")],
            }
        )
    write(tmp_path, jobs)
    return tmp_path


def value(slug, place, name, key="socket"):
    return {key: {"slug": slug, "relative_path": place}, "image": {"name": name}}


def text(slug):
    return {"socket": {"slug": slug, "relative_path": f"{slug}.json"}, "image": None, "value": 1}


def write(folder, jobs):
    (folder / "input").mkdir(exist_ok=True)
    (folder / "input" / "predictions.json").write_text(json.dumps(jobs))


def jobs_of(folder):
    return json.loads((folder / "input" / "predictions.json").read_text())


@pytest.fixture
def run(container, gallery, plain, capfd):
    """Run the evaluation: exit status, metrics if any, lines on stderr."""

    def run(folder=container, reference=gallery.reference, **options):
        capfd.readouterr()
        code = run_evaluation(folder / "input", folder / "output", reference, plain, **options)
        metrics = folder / "output" / "metrics.json"
        told = capfd.readouterr().err.splitlines()
        return code, json.loads(metrics.read_text()) if metrics.exists() else None, told

    return run


def test_predictions_are_paired_by_the_images_they_were_made_from(run, gallery, plain):
    code, metrics, told = run()
    expected = Scorer(plain, gallery.reference).score(gallery.submission)
    assert code == 0
    assert metrics["aggregates"] == numbers(expected, plain)
    assert metrics["case"]["psnr"] == {row.id: row.values["psnr"] for row in expected.images}
    assert told == [f"total {expected.scores['total']:.2f} from 6 images"]


def test_sockets_were_called_interfaces_before(run, container):
    jobs = jobs_of(container)
    for job in jobs:
        for entry in job["inputs"] + job["outputs"]:
            entry["interface"] = entry.pop("socket")
    write(container, jobs)
    assert run()[0] == 0


def test_several_images_are_told_apart_by_their_sockets(run, container):
    jobs = jobs_of(container)
    for job in jobs:
        job["outputs"].insert(0, value("preview", "images/preview", "y"))
        job["inputs"].append(value("mask", "images/mask", "mask.png"))
    write(container, jobs)
    assert run(slug="restored", input_slug="low-light")[0] == 0

    code, metrics, told = run()
    assert (code, metrics is None) == (4, False)
    assert "expected one image, got low-light, mask; name the socket" in told[-1]


def test_uploaded_images_are_a_submission_themselves(run, gallery, tmp_path):
    folder = tmp_path / "upload"
    shutil.copytree(gallery.submission, folder / "input")
    assert run(folder)[1]["aggregates"] == run()[1]["aggregates"]


def test_missing_predictions_are_told_and_leave_no_metrics(run, container):
    write(container, jobs_of(container)[1:])
    code, metrics, told = run()
    assert (code, metrics) == (3, None)
    assert told[-1] == (
        "the submission does not match the reference set (5 of 6 images found): 001: missing"
    )


def test_images_without_a_value_are_left_out(container, gallery, pixel_profile):
    folders = container / "input", container / "output"
    assert run_evaluation(*folders, gallery.reference, pixel_profile) == 0
    case = json.loads((container / "output" / "metrics.json").read_text())["case"]
    assert "002" in case["mse_all"] and "002" not in case["psnr_person"]


def spoil_pk(jobs):
    jobs[0].pop("pk")


def spoil_file(jobs):
    jobs[0]["outputs"][0]["socket"]["relative_path"] = "images/absent"


def spoil_name(jobs):
    jobs[0]["inputs"] = jobs[1]["inputs"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_pk, "predictions.json: not of the form that is known: KeyError('pk')"),
        (spoil_file, "images/absent: expected one file, got 0"),
        (spoil_name, "predictions.json: two jobs were given 002.png"),
    ],
)
def test_what_the_platform_did_wrong_is_no_fault_of_the_submission(run, container, spoil, message):
    jobs = jobs_of(container)
    spoil(jobs)
    write(container, jobs)
    code, metrics, told = run()
    assert (code, metrics) == (4, None)
    assert message in told[-1]
    assert "which is no fault of the submission" in told[-1]


def test_bugs_show_their_trace_and_a_sentence(run, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("CUDA error")

    monkeypatch.setattr(Scorer, "score", fail)
    code, metrics, told = run()
    assert (code, metrics) == (4, None)
    assert told[0].startswith("Traceback")
    assert told[-1].endswith("submit it again: RuntimeError: CUDA error")


def test_the_verb_takes_its_folders(container, gallery, run_cli):
    outcome = run_cli(
        *("grand-challenge", "--profile", "infrared-sr2026", "--reference", gallery.reference),
        *("--input", container / "input", "--output", container / "output"),
        *("--slug", "restored"),
    )
    assert (outcome.code, outcome.out) == (0, "")
    assert (container / "output" / "metrics.json").is_file()
