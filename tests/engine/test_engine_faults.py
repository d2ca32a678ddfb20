import re
import weakref

import numpy as np
import pytest
import torch

from gpu_metrics import engine
from gpu_metrics.engine import Scorer, choose_device
from gpu_metrics.errors import EngineError, InputError, ProfileError, SubmissionError, WeightsError


@pytest.fixture
def scorer(gallery, pixel_profile):
    return Scorer(pixel_profile, gallery.reference, device="cpu", batch_megapixels=1e9)


@pytest.fixture(scope="module")
def complete(gallery, pixel_profile):
    return Scorer(pixel_profile, gallery.reference, device="cpu").score(gallery.submission)


def test_faulty_images_make_a_partial_run_without_a_score(spoiled, scorer, complete, write):
    folder = spoiled.submission
    (folder / "001.png").write_bytes((folder / "001.png").read_bytes()[:300])
    write(folder / "004.png", spoiled.restored["004"][:, :63])
    write(folder / "006.png", spoiled.restored["006"].transpose(1, 0, 2))

    run = scorer.score(folder)

    assert run.status == "partial"
    assert [(r.id, r.file, r.reason) for r in run.rejected] == [
        (
            "001",
            "001.png",
            "cannot be decoded as an image; it is damaged or no image at all",
        ),
        ("004", "004.png", "63 x 64, the reference is 64 x 64"),
        ("006", "006.png", "96 x 128, the reference is 128 x 96; width and height swapped?"),
    ]
    assert set(run.scores) == set(complete.scores)
    assert set(run.scores.values()) == {None}
    kept = [row for row in complete.images if row.id in ("002", "003", "005")]
    assert list(run.images) == kept
    assert {count.scored + count.not_scored for count in run.counts.values()} == {3}
    assert list(run.provenance["files"]) == ["002", "003", "005"]


def test_nothing_but_faults_is_no_score_either(gallery, scorer):
    run = scorer.score({id_: np.zeros((1, 1, 3), np.uint8) for id_ in gallery.truth})
    assert run.status == "partial"
    assert run.images == ()
    assert len(run.rejected) == 6
    assert {*run.scores.values(), *run.means.values()} == {None}
    assert {count.scored for count in run.counts.values()} == {0}


def test_faulty_images_count_as_done(gallery, scorer):
    arrays = {**gallery.restored, "003": gallery.restored["002"]}
    steps = []
    scorer.score(arrays, on_progress=lambda *step: steps.append(step))
    assert steps[-1] == (6, 6)


def test_missing_images_refuse_the_whole(spoiled, scorer):
    (spoiled.submission / "003.png").unlink()
    with pytest.raises(SubmissionError) as caught:
        scorer.score(spoiled.submission)
    assert caught.value.problems == ("003: missing",)
    assert str(spoiled.submission) not in str(caught.value)


def test_a_folder_of_names_that_are_no_text_can_be_recorded(spoiled, scorer, tmp_path):
    odd = spoiled.submission / "\udcff_001\x1b.png"
    (spoiled.submission / "001.png").rename(odd)
    run = scorer.score(spoiled.submission)
    assert run.provenance["files"]["001"]["file"] == "\\udcff_001\\x1b.png"
    run.save(tmp_path / "run.json")


class Memory:
    """Stands for `measure` on a device that holds only so many images at once."""

    def __init__(self, room):
        self.room = room
        self.batches = []
        self.failed = []
        self.measure = engine.measure

    def __call__(self, x, *others):
        assert not any(tensor() is not None for tensor in self.failed), "a failed batch is kept"
        self.batches.append(len(x))
        if len(x) > self.room:
            self.failed.append(weakref.ref(x))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.measure(x, *others)


def test_batches_too_large_for_the_memory_are_halved(
    gallery, make_profile, draw, tmp_path, write, monkeypatch
):
    for number in range(5):
        image = draw(40, 40, number)
        write(tmp_path / "gt" / f"{number:03}.png", image)
        write(tmp_path / "team" / f"{number:03}.png", 255 - image)
    profile = make_profile({"ssim": 'metric = "ssim"', "mse": 'metric = "mse"'})
    scorer = Scorer(profile, tmp_path, device="cpu", batch_megapixels=1e9)
    expected = scorer.score(tmp_path / "team")

    memory = Memory(room=1)
    monkeypatch.setattr(engine, "measure", memory)
    run = scorer.score(tmp_path / "team")

    assert memory.batches == [5, 2, 1, 1, 3, 1, 2, 1, 1]
    assert run == expected


def test_one_image_too_large_for_the_memory_is_the_engines_fault(gallery, scorer, monkeypatch):
    monkeypatch.setattr(engine, "measure", Memory(room=0))
    with pytest.raises(EngineError) as caught:
        scorer.score(gallery.submission)
    assert str(caught.value) == (
        "001: one image of 128 x 96 does not fit into the memory of cpu; free some, or use the "
        "device 'cpu'"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_no_metric_should_give_is_never_recorded(gallery, scorer, monkeypatch, value):
    def measure(x, y, mask, targets, profile, networks):
        return torch.full((len(x), len(profile.measures)), value, dtype=torch.float64)

    monkeypatch.setattr(engine, "measure", measure)
    with pytest.raises(EngineError, match="^001: psnr_bg came out as .*; this is a bug$"):
        scorer.score(gallery.submission)


def test_an_interruption_leaves_the_scorer_usable(gallery, scorer, complete):
    before = torch.backends.cudnn.deterministic

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scorer.score(gallery.submission, on_progress=interrupt)
    assert torch.backends.cudnn.deterministic == before
    assert scorer.score(gallery.submission) == complete


@pytest.mark.parametrize("name", ["gpu", "", "cpu:0", "cuda:", "cuda:-1", "cuda:one", "CPU", "mps"])
def test_unknown_devices_list_the_known(name):
    expected = f"device: expected 'auto', 'cpu', 'cuda' or 'cuda:N', got {name!r}"
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        choose_device(name)


def test_devices_that_are_not_there_are_counted(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    for name in ("cuda", "cuda:0", "cuda:3"):
        expected = f"device {name!r} is not there; CUDA devices found: 0"
        with pytest.raises(EngineError, match=expected):
            choose_device(name)


def test_a_device_is_one_device_in_every_thread(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 2)
    assert choose_device("cuda") == torch.device("cuda", 2)
    assert choose_device("cuda:3") == torch.device("cuda", 3)
    for there, expected in ((True, torch.device("cuda", 2)), (False, torch.device("cpu"))):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert choose_device("auto") == expected


@pytest.mark.parametrize(
    ("option", "value"),
    [("threads", 0), ("threads", -1), ("batch_megapixels", 0.0), ("batch_megapixels", -1.0)],
)
def test_counts_must_be_positive(gallery, pixel_profile, option, value):
    with pytest.raises(InputError, match=f"^{option}: expected more than 0, got {value}$"):
        Scorer(pixel_profile, gallery.reference, device="cpu", **{option: value})


def test_an_unknown_profile_is_told_before_anything_is_read(tmp_path):
    with pytest.raises(ProfileError, match="did you mean 'raim2026-flash-portrait'"):
        Scorer("raim2026-flash-portait", tmp_path / "absent")


def test_weights_that_are_not_there_are_told(gallery, tmp_path):
    with pytest.raises(WeightsError, match=re.escape(str(tmp_path))):
        Scorer("raim2026-flash-portrait", gallery.reference, device="cpu", weights=tmp_path)
