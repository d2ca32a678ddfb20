import hashlib
import io
import zipfile

import numpy as np
import pytest
import torch

from gpu_metrics.cache import CachedRow
from gpu_metrics.errors import SubmissionError
from gpu_metrics.reference import Reference
from gpu_metrics.results import Rejection
from gpu_metrics.submissions import Loaded, Stored, load, opened, title


@pytest.fixture(scope="module")
def reference(gallery, pixel_profile):
    return Reference.load(gallery.reference, pixel_profile)


@pytest.fixture
def results(reference, pixel_profile):
    """What became of each image of a submission, by id."""

    def run(submission, known=lambda target, sha256: None):
        with opened(submission, reference, pixel_profile.images) as content:
            return {c.target.id: load(c, known) for c in content.candidates}

    return run


def zipped(folder):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"team/{path.name}")
    return file.getvalue()


def forms(gallery, tmp_path):
    """The same submission in every form there is."""
    (tmp_path / "team.zip").write_bytes(zipped(gallery.submission))
    named = {path.name: path.read_bytes() for path in gallery.submission.iterdir()}
    arrays = dict(reversed(gallery.restored.items()))
    return {
        "folder": gallery.submission,
        "text": str(gallery.submission),
        "zip": tmp_path / "team.zip",
        "bytes": named,
        "pairs": list(named.items()),
        "arrays": arrays,
        "tensors": {i: torch.from_numpy(a).permute(2, 0, 1) for i, a in arrays.items()},
    }


@pytest.mark.parametrize("form", ["folder", "text", "zip", "bytes", "pairs", "arrays", "tensors"])
def test_a_submission_has_many_forms_and_one_content(gallery, tmp_path, results, form):
    found = results(forms(gallery, tmp_path)[form])
    assert list(found) == list(gallery.restored)
    for id_, item in found.items():
        assert isinstance(item, Loaded)
        np.testing.assert_array_equal(item.pixels.permute(1, 2, 0), gallery.restored[id_])


def test_files_are_hashed_as_they_came(gallery, results):
    for id_, item in results(gallery.submission).items():
        data = (gallery.submission / f"{id_}.png").read_bytes()
        assert item.origin.sha256 == hashlib.sha256(data).hexdigest()
        assert item.origin.decoder.startswith("imgread ")


def test_arrays_must_match_the_set(gallery, results):
    arrays = {**gallery.restored, "999": gallery.restored["001"]}
    del arrays["002"]
    with pytest.raises(SubmissionError) as caught:
        results(arrays)
    assert caught.value.problems == ("002: missing", "999: no image of the set")


def test_each_faulty_image_has_its_reason(spoiled, results, write):
    folder, images = spoiled.submission, spoiled.restored
    write(folder / "001.png", images["001"].transpose(1, 0, 2))
    write(folder / "002.png", images["002"][:63])
    (folder / "003.png").write_bytes((folder / "003.png").read_bytes()[:200])
    (folder / "004.png").write_bytes(b"")

    found = results(folder)

    rejected = {i: item for i, item in found.items() if isinstance(item, Rejection)}
    assert {i: (item.file, item.reason) for i, item in rejected.items()} == {
        "001": ("001.png", "96 x 128, the reference is 128 x 96; width and height swapped?"),
        "002": ("002.png", "64 x 63, the reference is 64 x 64"),
        "003": ("003.png", rejected["003"].reason),
        "004": ("004.png", "empty file"),
    }
    assert rejected["003"].reason.startswith("cut short: chunk IDAT says")


def test_arrays_of_the_wrong_kind_or_size_have_their_reason(gallery, results):
    wrong = {
        "001": gallery.restored["001"] / 255,
        "002": [1, 2, 3],
        "003": gallery.restored["003"].transpose(1, 0, 2),
    }
    found = results({**gallery.restored, **wrong})
    assert {i: found[i].reason for i in wrong} == {
        "001": "expected a uint8 RGB image (H, W, 3), got float64 (96, 128, 3)",
        "002": "expected an array or a tensor, got list",
        "003": "96 x 128, the reference is 128 x 96; width and height swapped?",
    }


def test_what_is_known_is_not_decoded(spoiled, results):
    path = spoiled.submission / "003.png"
    path.write_bytes(path.read_bytes()[:200])
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    row = CachedRow({"psnr_bg": 30.0}, "some decoder", ("a note",))

    found = results(spoiled.submission, known=lambda target, sha: row if sha == sha256 else None)

    assert isinstance(found["003"], Stored) and found["003"].values == {"psnr_bg": 30.0}
    assert (found["003"].origin.decoder, found["003"].origin.notes) == ("some decoder", ("a note",))
    assert all(isinstance(item, Loaded) for id_, item in found.items() if id_ != "003")


def test_files_are_named_by_their_place_in_the_submission(spoiled, reference, pixel_profile):
    folder = spoiled.submission
    (folder / "deep").mkdir()
    (folder / "001.png").rename(folder / "deep" / "001.png")
    with opened(str(folder), reference, pixel_profile.images) as content:
        assert [c.file for c in content.candidates][:2] == ["deep/001.png", "002.png"]
        assert content.remarks == ()


def test_titles_are_names_of_folders_and_archives(tmp_path, monkeypatch):
    (tmp_path / "team").mkdir()
    monkeypatch.chdir(tmp_path / "team")
    assert title(".") == title(tmp_path / "team") == title("../team.zip") == "team"
    assert title({}) == "arrays"
    assert title(tmp_path / "two\nlines") == "two\\nlines"
