import re

import numpy as np
import pytest
import torch

from gpu_metrics import engine
from gpu_metrics.devices import choose_device
from gpu_metrics.engine import Scorer
from gpu_metrics.errors import EngineError, InputError, ProfileError, SubmissionError, WeightsError


@pytest.fixture
def scorer(gallery, pixel_profile):
    return Scorer(pixel_profile, gallery.reference, device="cpu")


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
            "cut short: chunk IDAT says 8192 bytes, 255 are left",
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


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_no_metric_should_give_is_never_recorded(gallery, scorer, monkeypatch, value):
    def measure(x, *others):
        return torch.full((len(x), len(scorer.profile.measures)), value, dtype=torch.float64)

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


def test_nothing_may_be_kept_but_no_less(gallery, pixel_profile):
    with pytest.raises(InputError, match="^keep_gigabytes: expected 0 or more, got -1.0$"):
        Scorer(pixel_profile, gallery.reference, device="cpu", keep_gigabytes=-1.0)


def test_an_unknown_profile_is_told_before_anything_is_read(tmp_path):
    with pytest.raises(ProfileError, match="did you mean 'raim2026-flash-portrait'"):
        Scorer("raim2026-flash-portait", tmp_path / "absent")


def test_weights_that_are_not_there_are_told(gallery, tmp_path):
    with pytest.raises(WeightsError, match=re.escape(str(tmp_path))):
        Scorer("raim2026-flash-portrait", gallery.reference, device="cpu", weights=tmp_path)
