import json
import os
import shutil
import zipfile

import pytest

from gpu_metrics.engine import Scorer
from gpu_metrics.errors import InputError, ReferenceSetError, SubmissionError
from gpu_metrics.pack import write_pack
from gpu_metrics.platforms import evalai
from gpu_metrics.platforms.codabench.bundle import zip_folder
from gpu_metrics.platforms.evalai import hosted
from gpu_metrics.platforms.numbers import numbers


@pytest.fixture
def annotations(spoiled, tmp_path):
    return zip_folder(spoiled.reference, tmp_path / "annotations.zip")


@pytest.fixture
def upload(gallery, tmp_path):
    return zip_folder(gallery.submission, tmp_path / "upload.zip")


@pytest.fixture
def expected(gallery, plain):
    return numbers(Scorer(plain, gallery.reference).score(gallery.submission), plain)


def test_results_are_of_the_split_with_the_outputs_as_columns(annotations, upload, plain, expected):
    evaluate = hosted(plain, "test_split")
    metadata = {"submission_metadata": {"id": 123, "status": "running"}}
    answer = evaluate(str(annotations), str(upload), "test", **metadata)
    assert answer == {"result": [{"test_split": expected}], "submission_result": expected}
    assert json.loads(json.dumps(answer)) == answer


def test_phases_may_have_splits_of_their_own(annotations, upload):
    evaluate = hosted("infrared-sr2026", {"dev": "dev_split", "test": "test_split"})
    (result,) = evaluate(annotations, upload, "dev")["result"]
    assert list(result) == ["dev_split"]
    with pytest.raises(InputError, match="phase_codename: no split is known for 'final'"):
        evaluate(annotations, upload, "final")


def test_a_worker_reads_the_annotations_once_until_they_change(
    annotations, upload, plain, spoiled, monkeypatch
):
    built = []
    build = Scorer.__init__
    monkeypatch.setattr(Scorer, "__init__", lambda *a, **k: (built.append(1), build(*a, **k))[1])
    evaluate = hosted(plain, "test")
    first = evaluate(annotations, upload, "test")
    assert evaluate(annotations, upload, "test") == first
    assert hosted(plain, "test")(annotations, upload, "test") == first
    assert len(built) == 1

    shutil.copyfile(spoiled.submission / "001.png", spoiled.reference / "gt" / "001.png")
    annotations.unlink()
    zip_folder(spoiled.reference, annotations)
    os.utime(annotations, ns=(1, 1))
    assert evaluate(annotations, upload, "test") != first
    assert len(built) == 2


def test_annotations_may_lie_in_a_folder_or_be_packed(gallery, upload, plain, expected, tmp_path):
    with zipfile.ZipFile(tmp_path / "nested.zip", "w") as archive:
        for path in (gallery.reference / "gt").iterdir():
            archive.write(path, f"phase2/gt/{path.name}")
        archive.writestr("__MACOSX/._phase2", b"")
    reference = Scorer(plain, gallery.reference).reference
    packed = write_pack(reference, plain, tmp_path / "reference.pack")
    for annotations in (tmp_path / "nested.zip", packed):
        answer = hosted(plain, "test")(annotations, upload, "test")
        assert answer["submission_result"] == expected


def test_participants_see_every_fault(annotations, plain, gallery, tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.write(gallery.submission / "001.png", "001.png")
    with pytest.raises(SubmissionError, match="1 of 6 images found") as caught:
        hosted(plain, "test")(annotations, tmp_path / "bad.zip", "test")
    assert len(caught.value.problems) == 5


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "expected the annotation file of the phase"),
        (lambda path: zipfile.ZipFile(path, "w").close(), "an empty zip file"),
    ],
)
def test_annotations_that_are_none_are_told(upload, plain, tmp_path, write, message):
    write(tmp_path / "annotations.zip")
    with pytest.raises(ReferenceSetError, match=message):
        hosted(plain, "test")(tmp_path / "annotations.zip", upload, "test")


@pytest.fixture(autouse=True)
def fresh():
    """No scorer of another test."""
    evalai._scorer.cache_clear()
