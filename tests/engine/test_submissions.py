import threading

import numpy as np
import pytest
import torch

from gpu_metrics.errors import SubmissionError
from gpu_metrics.reference import Reference
from gpu_metrics.submissions import decoded, open_submission, title


@pytest.fixture(scope="module")
def reference(gallery, pixel_profile):
    return Reference.load(gallery.reference, pixel_profile)


@pytest.fixture(scope="module")
def rules(pixel_profile):
    return pixel_profile.images


def results(submission, reference, rules, threads=2):
    candidates, _ = open_submission(submission, reference, rules)
    return {candidate.target.id: found for candidate, found in decoded(candidates, threads=threads)}


@pytest.mark.parametrize("threads", [1, 4])
def test_images_come_in_the_order_of_ids(gallery, reference, rules, threads):
    found = results(gallery.submission, reference, rules, threads)
    assert list(found) == list(gallery.restored)
    for id_, picture in found.items():
        np.testing.assert_array_equal(picture.pixels.permute(1, 2, 0), gallery.restored[id_])


def test_arrays_and_tensors_are_the_same_submission(gallery, reference, rules):
    arrays = dict(reversed(gallery.restored.items()))
    tensors = {i: torch.from_numpy(a).permute(2, 0, 1) for i, a in arrays.items()}
    for submission in (arrays, tensors):
        found = results(submission, reference, rules)
        assert list(found) == list(gallery.restored)
        for id_, picture in found.items():
            np.testing.assert_array_equal(picture.pixels.permute(1, 2, 0), gallery.restored[id_])


def test_arrays_must_match_the_set(gallery, reference, rules):
    arrays = {**gallery.restored, "999": gallery.restored["001"]}
    del arrays["002"]
    with pytest.raises(SubmissionError) as caught:
        open_submission(arrays, reference, rules)
    assert caught.value.problems == ("002: missing", "999: no image of the set")


def test_each_faulty_image_has_its_reason(spoiled, reference, rules, write):
    folder, images = spoiled.submission, spoiled.restored
    write(folder / "001.png", images["001"].transpose(1, 0, 2))
    write(folder / "002.png", images["002"][:63])
    (folder / "003.png").write_bytes((folder / "003.png").read_bytes()[:200])
    (folder / "004.png").write_bytes(b"")

    found = results(folder, reference, rules)

    assert {id_: reason for id_, reason in found.items() if isinstance(reason, str)} == {
        "001": "96 x 128, the reference is 128 x 96; width and height swapped?",
        "002": "64 x 63, the reference is 64 x 64",
        "003": "cannot be decoded as an image; it is damaged or no image at all",
        "004": "empty file",
    }


def test_arrays_of_the_wrong_kind_have_their_reason(gallery, reference, rules):
    arrays = {**gallery.restored, "001": gallery.restored["001"] / 255, "002": [1, 2, 3]}
    found = results(arrays, reference, rules)
    assert found["001"] == "expected a uint8 RGB image (H, W, 3), got float64 (96, 128, 3)"
    assert found["002"] == "expected an array or a tensor, got list"


def test_decoding_stays_only_so_far_ahead(gallery, reference, rules, monkeypatch):
    candidates, _ = open_submission(gallery.submission, reference, rules)
    started, lock = [], threading.Lock()

    def loading(candidate):
        with lock:
            started.append(candidate.target.id)
        return "not read"

    monkeypatch.setattr("gpu_metrics.submissions._load", loading)
    stream = decoded(candidates * 10, threads=1)
    next(stream)
    assert len(started) <= 3
    assert len(list(stream)) == 10 * len(candidates) - 1


def test_files_are_named_by_their_place_in_the_submission(spoiled, reference, rules):
    folder = spoiled.submission
    (folder / "deep").mkdir()
    (folder / "001.png").rename(folder / "deep" / "001.png")
    candidates, remarks = open_submission(str(folder), reference, rules)
    assert [c.file for c in candidates][:2] == ["deep/001.png", "002.png"]
    assert remarks == []


def test_titles_are_names_of_folders(tmp_path, monkeypatch):
    (tmp_path / "team").mkdir()
    monkeypatch.chdir(tmp_path / "team")
    assert title(".") == title(tmp_path / "team") == "team"
    assert title({}) == "arrays"
    assert title(tmp_path / "two\nlines") == "two\\nlines"
