"""Both ways of images to numbers; the one through a GPU runs on the CPU here, streams apart."""

import weakref

import pytest
import torch

from gpu_metrics.engine import Scorer
from gpu_metrics.errors import DeviceError, EngineError
from gpu_metrics.pipelines import Cores, OneGpu

CPU = torch.device("cpu")


@pytest.fixture
def scorer(gallery, pixel_profile):
    return Scorer(pixel_profile, gallery.reference, device="cpu", threads=2)


@pytest.fixture(scope="module")
def expected(gallery, pixel_profile):
    return Scorer(pixel_profile, gallery.reference, device="cpu").score(gallery.submission)


PIPELINES = {
    "cores": lambda: Cores(2),
    "one core": lambda: Cores(1),
    "batches of one": lambda: OneGpu(CPU, 2, 1.0),
    "batches of two": lambda: OneGpu(CPU, 1, 2.0 * 96 * 128),
    "batches of a shape": lambda: OneGpu(CPU, 3, 1e12),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_every_pipeline_gives_the_same_run(scorer, gallery, expected, name):
    scorer._pipeline = PIPELINES[name]()
    assert scorer.score(gallery.submission) == expected


@pytest.mark.parametrize("name", PIPELINES)
def test_faulty_images_leave_the_others_their_places(scorer, spoiled, expected, name, write):
    (spoiled.submission / "001.png").write_bytes(b"")
    write(spoiled.submission / "005.png", spoiled.restored["005"][:50])
    scorer._pipeline = PIPELINES[name]()

    run = scorer.score(spoiled.submission)

    assert [item.id for item in run.rejected] == ["001", "005"]
    assert list(run.images) == [row for row in expected.images if row.id not in ("001", "005")]


@pytest.mark.parametrize("name", PIPELINES)
def test_a_submission_of_faults_alone_ends(scorer, spoiled, name):
    for path in spoiled.submission.iterdir():
        path.write_bytes(b"")
    scorer._pipeline = PIPELINES[name]()
    run = scorer.score(spoiled.submission)
    assert (len(run.rejected), run.images) == (6, ())


class Memory:
    """Stands for `measure` on a device that holds only so many images at once."""

    def __init__(self, scorer, room, error):
        self.room = room
        self.error = error
        self.batches = []
        self.failed = []
        self.measure = scorer._measure

    def __call__(self, x, batch):
        assert not any(tensor() is not None for tensor in self.failed), "what failed is kept"
        self.batches.append(len(x))
        if len(x) > self.room:
            scratch = x.double()
            self.failed.append(weakref.ref(scratch))
            raise self.error()
        return self.measure(x, batch)


OUT_OF_MEMORY = {
    "gpu": lambda: torch.OutOfMemoryError("CUDA out of memory"),
    "cpu": lambda: RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
}


def test_batches_too_large_for_the_memory_are_halved(
    make_profile, draw, tmp_path, write, monkeypatch
):
    for number in range(5):
        image = draw(40, 40, number)
        write(tmp_path / "gt" / f"{number:03}.png", image)
        write(tmp_path / "team" / f"{number:03}.png", 255 - image)
    profile = make_profile({"ssim": 'metric = "ssim"', "mse": 'metric = "mse"'})
    scorer = Scorer(profile, tmp_path, device="cpu")
    expected = scorer.score(tmp_path / "team")

    memory = Memory(scorer, 1, OUT_OF_MEMORY["gpu"])
    monkeypatch.setattr(scorer, "_measure", memory)
    scorer._pipeline = OneGpu(CPU, 2, 1e12)

    assert scorer.score(tmp_path / "team") == expected
    assert memory.batches == [5, 2, 1, 1, 3, 1, 2, 1, 1]


@pytest.mark.parametrize("name", ["cores", "batches of a shape"])
@pytest.mark.parametrize("kind", OUT_OF_MEMORY)
def test_one_image_too_large_for_the_memory_is_the_engines_fault(
    gallery, scorer, monkeypatch, name, kind
):
    scorer._pipeline = PIPELINES[name]()
    monkeypatch.setattr(scorer, "_measure", Memory(scorer, 0, OUT_OF_MEMORY[kind]))
    with pytest.raises(EngineError) as caught:
        scorer.score(gallery.submission)
    assert str(caught.value) == (
        "001: one image of 128 x 96 does not fit into the memory of cpu; free some, or use the "
        "device 'cpu'"
    )


def test_what_is_kept_is_given_up_before_an_image_is(gallery, scorer, monkeypatch):
    released, full = [], [True]

    def measure(*arguments):
        if full[0]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return measured(*arguments)

    def release():
        released.append(True)
        full[0] = False
        return True

    from gpu_metrics import engine

    measured = engine.measure
    monkeypatch.setattr(engine, "measure", measure)
    monkeypatch.setattr(scorer._known, "release", release)
    scorer._pipeline = OneGpu(CPU, 1, 1.0)
    assert scorer.score(gallery.submission).status == "complete"
    assert len(released) == 1


def test_a_broken_device_is_told_apart(gallery, scorer, monkeypatch):
    def broken(x, batch):
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(scorer, "_measure", broken)
    scorer._pipeline = OneGpu(CPU, 1, 1.0)
    with pytest.raises(DeviceError, match="a fresh process can"):
        scorer.score(gallery.submission)


@pytest.mark.gpu
def test_streams_and_pinned_memory_move_no_bit(gallery, pixel_profile, expected):
    runs = [
        Scorer(
            pixel_profile, gallery.reference, device="cuda", batch_megapixels=size, keep_gigabytes=g
        ).score(gallery.submission)
        for size in (1e-9, 0.02, 1e9)
        for g in (0.0, None)
    ]
    assert all(run.images == expected.images for run in runs)
