import json
import shutil
import socket
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from gpu_metrics.demo import build_demo
from gpu_metrics.demo.filters import guided, wide_blur
from gpu_metrics.demo.light import to_light, to_srgb
from gpu_metrics.demo.lowlight import without_flash
from gpu_metrics.demo.photographs import PHOTOGRAPHS, load_photographs
from gpu_metrics.demo.restorations import TEAMS, noise_level
from gpu_metrics.demo.scenes import SETTINGS, compose, open_studio
from gpu_metrics.errors import EngineError, InputError

pytest.importorskip("skimage")

GROUPS = 2


def draw(seed=0):
    return np.random.Generator(np.random.PCG64(seed))


def pictures(folder):
    return {
        path.relative_to(folder).as_posix(): cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        for path in sorted(folder.rglob("*.png"))
    }


def psnr(x, y):
    return 10 * np.log10(255**2 / np.mean((x.astype(float) - y) ** 2))


@pytest.fixture(scope="module")
def studio():
    return open_studio()


@pytest.fixture(scope="module")
def scenes(studio):
    return [compose(studio, group, draw(group)) for group in range(1, len(SETTINGS) + 1)]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "set"
    progress = []
    demo = build_demo(folder, groups=GROUPS, on_progress=lambda *step: progress.append(step))
    assert progress == [(1, 2), (2, 2)]
    return demo


def test_set_has_the_shape_of_a_challenge(built):
    folder = built.reference.parent
    places = ["reference/gt", "reference/mask", "input", *(f"submissions/{t}" for t in TEAMS)]
    expected = {f"{place}/{name}" for place in places for name in ("001.png", "002.png")}
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert files == expected | {"demo.json"}
    assert built.submissions == {team: folder / "submissions" / team for team in TEAMS}
    assert (built.inputs, built.groups, built.seed) == (folder / "input", GROUPS, 0)


def test_every_image_is_8_bit_and_of_the_size_of_its_truth(built):
    images = pictures(built.reference.parent)
    for place, image in images.items():
        truth = images[f"reference/gt/{Path(place).name}"]
        channels = () if "mask" in place else (3,)
        assert image.shape == truth.shape[:2] + channels, place
        assert image.dtype == np.uint8, place


def test_untouched_is_the_input_and_no_other_team_is(built):
    name = "001.png"
    dark = cv2.imread(str(built.inputs / name))
    same = {
        team
        for team, folder in built.submissions.items()
        if np.array_equal(cv2.imread(str(folder / name)), dark)
    }
    assert same == {"untouched"}


def test_restorations_rank_as_expected(built):
    truths = pictures(built.reference / "gt")
    quality = {
        team: np.mean([psnr(image, truths[name]) for name, image in pictures(folder).items()])
        for team, folder in built.submissions.items()
    }
    ranking = sorted(quality, key=quality.__getitem__, reverse=True)
    assert set(ranking[:2]) == {"gain", "gain-denoise"}
    assert ranking[-1] == "untouched"


def test_denoising_halves_the_noise(built):
    noise = {
        team: noise_level(to_light(cv2.imread(str(built.submissions[team] / "001.png")))[..., 1])
        for team in ("gain", "gain-denoise")
    }
    assert noise["gain-denoise"] < noise["gain"] / 2


def test_other_seeds_and_groups_give_other_scenes(studio):
    # group 1 and the first group of the fifth round share their setting and their shape
    later = 4 * len(SETTINGS) + 1
    scenes = [
        compose(studio, group, draw(seed)) for group, seed in ((1, 0), (1, 1), (later, [0, later]))
    ]
    assert len({scene.truth.shape for scene in scenes}) == 1
    assert len({scene.truth.tobytes() for scene in scenes}) == 3


def test_mattes_are_soft_and_of_a_portrait(scenes):
    for scene in scenes:
        person = scene.matte >= 128
        assert 0.05 < person.mean() < 0.7
        edge = (scene.matte > 0) & (scene.matte < 255)
        assert 0.0005 < edge.mean() < 0.05
        assert (scene.matte[edge] < 128).any() and (scene.matte[edge] >= 128).any()


def test_people_stand_on_the_lower_edge_with_the_head_in_view(scenes):
    for scene in scenes:
        assert scene.matte[-1].max() == 255
        assert scene.matte[0].max() == 0


def test_scenes_are_1k_in_several_shapes(scenes):
    shapes = {scene.truth.shape[:2] for scene in scenes}
    assert all(1024 <= max(shape) <= 1365 for shape in shapes)
    ratios = {np.sign(width - height) for height, width in shapes}
    assert ratios == {-1, 0, 1}


def test_input_is_darker_by_two_to_four_stops(scenes):
    for number, scene in enumerate(scenes):
        dark = without_flash(scene, draw(number))
        stops = np.log2(to_light(scene.truth).mean() / to_light(dark).mean())
        assert 2 < stops < 4


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("team", TEAMS)
def test_teams_survive_flat_images(team, level):
    image = np.full((40, 64, 3), level, np.uint8)
    restored = TEAMS[team](image)
    assert restored.shape == image.shape
    assert restored.dtype == np.uint8


def test_finished_set_is_reused(built):
    folder = built.reference.parent
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert build_demo(folder, groups=GROUPS) == built
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == times


def test_interrupted_set_is_built_anew_with_the_same_pixels(built, tmp_path, monkeypatch):
    def interrupt(image):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setitem(TEAMS, "untouched", interrupt)
        build_demo(tmp_path, groups=1)
    assert (tmp_path / "reference/gt/001.png").exists()
    assert not (tmp_path / "demo.json").exists()
    (tmp_path / "reference/gt/001.png").write_bytes(b"cut short")

    again = pictures(build_demo(tmp_path, groups=1).reference.parent)

    # a group depends on the seed and its number alone, not on how many there are
    first = pictures(built.reference.parent)
    assert len(again) == 3 + len(TEAMS)
    for place, image in again.items():
        np.testing.assert_array_equal(image, first[place], err_msg=place)


def test_rebuilding_keeps_what_others_put_there(built, tmp_path):
    folder = tmp_path / "set"
    shutil.copytree(built.reference.parent, folder)
    mine = folder / "submissions/mine/001.png"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")

    build_demo(folder, groups=1, seed=1)

    assert mine.read_bytes() == b"mine"
    assert [path.name for path in (folder / "input").iterdir()] == ["001.png"]
    assert json.loads((folder / "demo.json").read_text())["seed"] == 1


@pytest.mark.parametrize("name", ["gt.png", "demo.json"])
def test_refuses_a_folder_of_something_else(tmp_path, name):
    (tmp_path / name).write_text('{"not": "ours"}')
    with pytest.raises(InputError, match="choose an empty folder"):
        build_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("name", "value"), [("groups", 0), ("groups", 1000), ("seed", -1)])
def test_rejects_impossible_parameters(tmp_path, name, value):
    with pytest.raises(InputError, match=f"{name} must be .*, got {value}"):
        build_demo(tmp_path / "set", **{name: value})
    assert not (tmp_path / "set").exists()


def test_folder_that_cannot_be_made_is_an_engine_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match="choose a folder that can be written to"):
        build_demo(tmp_path / "file" / "set")


def test_photographs_come_from_disk(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refuse)
    photographs = load_photographs()
    assert photographs.keys() == PHOTOGRAPHS.keys()
    assert all(min(image.shape[:2]) >= 400 for image in photographs.values())


def test_absent_scikit_image_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(EngineError, match=r"pip install 'gpu-metrics\[demo\]'"):
        load_photographs()


def test_light_goes_there_and_back():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    np.testing.assert_array_equal(to_srgb(to_light(levels)), levels)


def test_guided_filter_smooths_noise_and_keeps_a_step():
    noise = draw().normal(0, 0.01, (64, 64)).astype(np.float32)
    step = np.repeat(np.float32([0, 1]), 32)[None].repeat(64, axis=0)
    smooth = guided(step + noise, step + noise, radius=2, variance=0.02**2)
    away = np.r_[4:28, 36:60]
    assert (smooth - step)[:, away].std() < noise[:, away].std() / 2
    assert np.abs(smooth - step)[:, 31:33].max() < 0.05


def test_wide_blur_agrees_with_a_gaussian():
    coarse = draw().random((6, 8, 3), dtype=np.float32)
    image = cv2.resize(coarse, (512, 384), interpolation=cv2.INTER_CUBIC)
    difference = wide_blur(image, 24.0) - cv2.GaussianBlur(image, (0, 0), 24.0)
    # shrinking and enlarging blurs a little too; at the borders the two extend differently
    assert np.abs(difference[72:-72, 72:-72]).max() < 0.01


def test_noise_level_sees_noise_and_not_slopes():
    slope = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(256, axis=0)
    noise = draw().normal(0, 0.02, slope.shape).astype(np.float32)
    # a median of 65,536 correlated responses is known to about 1 %
    assert noise_level(slope + noise) == pytest.approx(0.02, rel=0.03)
    assert noise_level(slope) < 1e-3
