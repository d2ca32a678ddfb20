import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from gpu_metrics.engine import Scorer
from gpu_metrics.errors import EngineError, ReferenceSetError
from gpu_metrics.pack import read_pack, write_pack
from gpu_metrics.profiles import load_profile
from gpu_metrics.reference import Reference


@pytest.fixture
def reference(gallery, pixel_profile):
    return Reference.load(gallery.reference, pixel_profile)


@pytest.fixture
def pack(reference, pixel_profile, tmp_path):
    return write_pack(reference, pixel_profile, tmp_path / "deep" / "ref.pack")


def test_a_pack_is_the_reference(reference, pack, pixel_profile):
    found = read_pack(pack, pixel_profile)
    assert list(found.images) == list(reference.images)
    assert found.sha256 == reference.sha256
    for id_, image in reference.images.items():
        assert torch.equal(found.images[id_].pixels, image.pixels)
        assert torch.equal(found.images[id_].mask, image.mask)
        assert found.images[id_].files.expected == image.files.expected
    assert [path.name for path in pack.parent.iterdir()] == ["ref.pack"]


def test_scores_from_a_pack_are_those_from_the_folder(gallery, pack, pixel_profile):
    folder, packed = (
        Scorer(pixel_profile, source, device="cpu").score(gallery.submission)
        for source in (gallery.reference, pack)
    )
    assert packed == folder


def test_flipped_bytes_are_told_by_image(pack, pixel_profile):
    data = bytearray(pack.read_bytes())
    data[-5] ^= 1
    pack.write_bytes(data)
    with pytest.raises(ReferenceSetError, match="damaged: its pixels") as caught:
        read_pack(pack, pixel_profile)
    assert len(caught.value.problems) == 1


def test_a_changed_table_is_told(pack, pixel_profile):
    with safe_open(pack, framework="pt") as file:
        metadata = dict(file.metadata())
    metadata["reference"] = metadata["reference"].replace("001.png", "002.png")
    save_file(load_file(pack), pack, metadata)
    with pytest.raises(ReferenceSetError, match="its table has another hash"):
        read_pack(pack, pixel_profile)


@pytest.mark.parametrize("content", [b"", b"\x89PNG", b"{}" * 100])
def test_other_files_are_no_pack(tmp_path, pixel_profile, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ReferenceSetError, match="expected a folder, or a file written by"):
        read_pack(path, pixel_profile)


def test_other_tensors_are_no_pack(tmp_path, pixel_profile):
    save_file({"a": torch.zeros(3)}, tmp_path / "file")
    with pytest.raises(ReferenceSetError, match="pack the reference again"):
        read_pack(tmp_path / "file", pixel_profile)


def test_a_pack_cut_short_is_told(pack, pixel_profile):
    pack.write_bytes(pack.read_bytes()[:-10])
    with pytest.raises(ReferenceSetError, match=str(pack)):
        read_pack(pack, pixel_profile)


def test_a_pack_serves_profiles_of_its_own_pairing_alone(pack, make_profile):
    profile = make_profile({"m": 'metric = "mse"'}, pairing='"stem"')
    with pytest.raises(ReferenceSetError, match="paired by 'first-three-digits'"):
        read_pack(pack, profile)


def test_a_pack_without_masks_serves_no_profile_that_needs_them(
    gallery, tmp_path, make_profile, pixel_profile
):
    bare = make_profile({"m": 'metric = "mse"'})
    pack = write_pack(Reference.load(gallery.reference, bare), bare, tmp_path / "ref.pack")
    assert read_pack(pack, bare).images["001"].mask is None
    with pytest.raises(ReferenceSetError, match="packed without masks"):
        read_pack(pack, pixel_profile)


def test_a_place_that_cannot_be_written_is_the_engines_fault(reference, pixel_profile, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="cannot be written"):
        write_pack(reference, pixel_profile, tmp_path / "file" / "ref.pack")


def test_every_shipped_profile_can_say_what_it_packs(reference, tmp_path):
    profile = load_profile("raim2026-flash-portrait")
    pack = write_pack(reference, profile, tmp_path / "ref.pack")
    with safe_open(pack, framework="pt") as file:
        table = json.loads(file.metadata()["reference"])
    assert table["pairing"] == profile.images.pairing
