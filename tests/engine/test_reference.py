import hashlib
import re

import numpy as np
import pytest
import torch

from gpu_metrics.errors import ReferenceSetError
from gpu_metrics.pairing import Folders, reference_folders
from gpu_metrics.profiles import Region, load_profile
from gpu_metrics.reference import Reference, region_mask


@pytest.fixture(scope="module")
def official():
    return load_profile("raim2026-flash-portrait")


def faults(source, profile):
    with pytest.raises(ReferenceSetError) as caught:
        Reference.load(source, profile)
    return caught.value


@pytest.mark.parametrize("gt", ["gt", "ref"])
@pytest.mark.parametrize("mask", ["mask", "mask_personmask"])
def test_both_names_of_the_folders_are_known(spoiled, official, gt, mask):
    (spoiled.reference / "gt").rename(spoiled.reference / gt)
    (spoiled.reference / "mask").rename(spoiled.reference / mask)
    reference = Reference.load(spoiled.reference, official)
    assert list(reference.images) == list(spoiled.truth)


def test_files_are_decoded_as_they_were_written(gallery, official):
    images = Reference.load(gallery.reference, official).images
    for id_, image in images.items():
        np.testing.assert_array_equal(image.pixels.permute(1, 2, 0), gallery.truth[id_])
        np.testing.assert_array_equal(image.mask, gallery.masks[id_])
        assert image.size == "{1} x {0}".format(*gallery.truth[id_].shape)


def test_masks_are_left_alone_by_profiles_without_regions(spoiled, make_profile):
    (spoiled.reference / "mask" / "001.png").write_text("damaged")
    (spoiled.reference / "mask" / "002.png").unlink()
    reference = Reference.load(spoiled.reference, make_profile({"mse": 'metric = "mse"'}))
    assert all(image.mask is None for image in reference.images.values())


def test_hash_covers_every_byte_and_no_name(spoiled, official):
    def sha256():
        return Reference.load(spoiled.reference, official).sha256

    first = sha256()
    truth = spoiled.reference / "gt" / "001.png"
    truth.rename(truth.with_name("flash_001.png"))
    assert sha256() == first
    mask = spoiled.reference / "mask" / "001.png"
    mask.write_bytes(mask.read_bytes() + b"\0")
    assert sha256() != first


def test_hash_of_an_image_is_that_of_its_files(gallery, official):
    image = Reference.load(gallery.reference, official).images["004"]
    files = (gallery.reference / folder / "004.png" for folder in ("gt", "mask"))
    hashes = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    assert image.sha256 == "".join(hashes)


def test_every_fault_is_in_one_error(spoiled, official, write):
    gt, mask = spoiled.reference / "gt", spoiled.reference / "mask"
    (mask / "001.png").unlink()
    (gt / "002.png").unlink()

    error = faults(spoiled.reference, official)
    assert error.summary == "the reference set cannot be used:"
    assert error.problems == (
        f"{gt}/001.png: has no mask",
        f"{mask}/002.png: has no ground truth",
    )


def test_every_fault_inside_files_is_in_one_error(spoiled, official, write):
    gt, mask = spoiled.reference / "gt", spoiled.reference / "mask"
    (gt / "001.png").write_bytes(b"")
    (gt / "002.png").write_text("<html>not found</html>")
    whole = (mask / "003.png").read_bytes()
    (mask / "003.png").write_bytes(whole[:40])
    write(mask / "004.png", np.zeros((63, 64), np.uint8))

    assert faults(spoiled.reference, official).problems == (
        f"{gt}/001.png: empty file",
        f"{gt}/002.png: this is an HTML file renamed; expected an image",
        f"{mask}/003.png: cut short: 40 bytes hold no chunk IEND at their end",
        f"{mask}/004.png: 64 x 63, but its ground truth 004.png is 64 x 64",
    )


def test_ids_that_collide_are_the_hosts_fault(spoiled, official, write):
    gt = spoiled.reference / "gt"
    write(gt / "0011.png", spoiled.truth["001"])
    write(gt / "12.png", spoiled.truth["001"])
    assert faults(spoiled.reference, official).problems == (
        f"{gt}/0011.png: has the id 001, as {gt}/001.png has; the id is the first three digits in "
        "a row, so 0001 and 0002 both read as 000",
        f"{gt}/12.png: expected three digits in the name, which are its id",
    )


def test_masks_folder_is_asked_for_where_regions_are_scored(spoiled, official):
    error = faults(Folders(spoiled.reference / "gt", None), official)
    assert "needs masks; expected mask/ or mask_personmask/" in str(error)


def test_folders_that_are_not_there_are_named_once(gallery, official):
    absent = gallery.reference / "absent"
    assert str(faults(absent, official)) == f"{absent}: expected a folder with gt/ and mask/"
    for folders in (Folders(absent, absent), Folders(gallery.reference / "gt", absent)):
        assert str(faults(folders, official)) == f"{absent}: expected a folder"


def test_a_folder_of_something_else_says_what_it_holds(tmp_path, official):
    expected = "expected a folder gt/ (or ref/) inside, or manifest.csv; it holds"
    assert f"{expected} nothing" in str(faults(tmp_path, official))
    (tmp_path / "images").mkdir()
    assert f"{expected} images" in str(faults(tmp_path, official))


def test_no_images_are_no_reference(tmp_path, make_profile):
    (tmp_path / "gt").mkdir()
    (tmp_path / "gt" / "001.tif").touch()
    error = faults(tmp_path, make_profile({"mse": 'metric = "mse"'}))
    assert error.problems == (f"{tmp_path}/gt: no images; expected .png, .jpg",)


def test_masks_may_hold_the_word_mask(spoiled, official):
    mask = spoiled.reference / "mask"
    for path in sorted(mask.iterdir()):
        path.rename(path.with_name(f"{path.stem}_mask.png"))
    assert len(Reference.load(spoiled.reference, official).images) == len(spoiled.truth)


def test_regions_follow_their_rule_at_the_threshold():
    mask = torch.tensor([[0, 127, 128, 255]], dtype=torch.uint8)
    inside, outside = Region(">=", 128), Region("<", 128)
    assert region_mask(mask, inside).tolist() == [[False, False, True, True]]
    assert region_mask(mask, outside).tolist() == [[True, True, False, False]]


def test_a_manifest_does_not_hide_the_folders(spoiled):
    folders = reference_folders(spoiled.reference)
    (spoiled.reference / "manifest.csv").touch()
    assert reference_folders(spoiled.reference) == Folders(
        folders.gt, folders.masks, spoiled.reference / "manifest.csv"
    )


def test_decoding_threads_change_nothing(gallery, official):
    one, four = (Reference.load(gallery.reference, official, threads=n) for n in (1, 4))
    assert one.sha256 == four.sha256
    assert list(one.images) == list(four.images)
    assert all(torch.equal(one.images[i].pixels, four.images[i].pixels) for i in one.images)


def test_every_image_of_a_broken_set_is_listed(spoiled, official):
    for path in (spoiled.reference / "gt").iterdir():
        path.write_bytes(path.read_bytes()[:50])
    problems = faults(spoiled.reference, official).problems
    assert [re.findall(r"\d{3}(?=\.png)", p)[0] for p in problems] == list(spoiled.truth)
