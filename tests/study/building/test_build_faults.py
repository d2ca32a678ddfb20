"""What keeps a study from being built, and that nothing is left behind then."""

import os
from dataclasses import replace

import numpy as np
import pytest

from gpu_metrics.contests import load_contest
from gpu_metrics.errors import EngineError, InputError, SubmissionError
from gpu_metrics.study.building.build import build_study
from gpu_metrics.study.building.draw import draw_scenes
from gpu_metrics.study.building.jurors import Invited
from tests.intake.files import encoded, png
from tests.study.results import (
    CONTEST,
    DESIGN,
    JURORS,
    PROFILE,
    SCENES,
    TEAMS,
    built,
    inputs,
    results,
)


def test_every_fault_of_every_team_is_told(tmp_path):
    given = results()
    names = {team: [*files] for team, files in given.items()}
    voted = draw_scenes(SCENES, 6, seed=3)
    at = {scene: SCENES.index(scene) for scene in voted}
    damaged = names["northern-lights"][at[voted[0]]]
    given["northern-lights"][damaged] = given["northern-lights"][damaged][:200]
    # one in the same scene, one in another
    odd = [names["southern-cross"][at[voted[number]]] for number in (0, 3)]
    for name in odd:
        given["southern-cross"][name] = encoded(".jpg", np.zeros((9, 8, 3), np.uint8))
    with pytest.raises(SubmissionError) as caught:
        built(tmp_path, given=given)
    first, *others = caught.value.problems
    assert first.startswith(f"northern-lights: {damaged}: ")
    wanted = "8 x 9, expected 32 x 24, the size of the input"
    assert others == [f"southern-cross: {name}: {wanted}" for name in odd]
    assert not [*tmp_path.iterdir()]


def test_missing_and_extra_files_of_all_are_told(tmp_path):
    given = results()
    missing = given["eastern-star"].popitem()[0]
    given["western-sun"]["another-999.png"] = b""
    given["southern-cross"] = {"../a.png": b""}
    with pytest.raises(SubmissionError) as caught:
        built(tmp_path, given=given)
    assert missing == "eastern-star-019.bmp"
    assert {problem.partition(":")[0] for problem in caught.value.problems} == {*TEAMS[1:]}
    assert "eastern-star: 019: missing" in caught.value.problems


def test_inputs_of_another_size_than_all_results_are_the_hosts_fault(tmp_path):
    small = {name: png(np.zeros((12, 16, 3), np.uint8)) for name in inputs()}
    with pytest.raises(SubmissionError, match="16 x 12, all results are 32 x 24; .* bring"):
        built(tmp_path, inputs=small)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"contest": load_contest("raim2026-fusion")}, "has no jury; .* raim2026-flash-portrait"),
        ({"design": replace(DESIGN, scenes=None)}, r"scenes: expected 1..9, .*, got 50"),
        ({"design": replace(DESIGN, scenes=0)}, r"scenes: expected 1..9"),
        ({"design": replace(DESIGN, practice=4)}, r"practice: expected 0..3, .*, got 4"),
        ({"design": replace(DESIGN, repeats=7)}, r"repeats: expected 0..6, got 7"),
        ({"design": replace(DESIGN, strata={"011": "a"})}, "strata: no line for scene"),
        ({"candidates": results() | {"inputs": inputs()}}, "inputs: .* another name"),
        ({"jurors": [Invited("Ada", ("southern-cros",))]}, "did you mean 'southern-cross'"),
        ({"jurors": [Invited("Ada", (TEAMS[0],))]}, "would see 3 teams; expected at least 4"),
    ],
)
def test_what_makes_no_study_is_refused(tmp_path, changes, said):
    with pytest.raises(InputError, match=said):
        built(tmp_path, **changes)
    assert not [*tmp_path.iterdir()]


def test_nothing_is_overwritten(tmp_path):
    study, key = tmp_path / "study", tmp_path / "key.json"
    study.mkdir()
    with pytest.raises(InputError, match="study: .* is there already"):
        built(tmp_path)
    study.rmdir()
    key.write_text("mine")
    with pytest.raises(InputError, match="key: .* is there already"):
        built(tmp_path)
    assert key.read_text() == "mine" and [*tmp_path.iterdir()] == [key]


@pytest.mark.parametrize(("key", "said"), [("study/k", "inside"), ("no/k", "there is no folder")])
def test_the_key_is_kept_apart(tmp_path, key, said):
    with pytest.raises(InputError, match=said):
        build_study(
            tmp_path / "study",
            tmp_path / key,
            contest=CONTEST,
            images=PROFILE.images,
            candidates=results(),
            inputs=inputs(),
            jurors=JURORS,
        )


def test_an_interruption_leaves_nothing_behind(tmp_path):
    def stop(done, total):
        assert total == 7
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        built(tmp_path, on_progress=stop)
    assert not [*tmp_path.iterdir()]


def test_a_study_that_cannot_take_its_place_leaves_no_key(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr("pathlib.Path.rename", refuse)
    with pytest.raises(EngineError, match="study: cannot be written: Read-only file system"):
        built(tmp_path)
    assert not [*tmp_path.iterdir()]


def test_a_key_that_cannot_be_written_is_named_and_leaves_no_study(tmp_path, monkeypatch):
    really = os.open

    def full(path, *others, **named):
        if str(path).endswith("key.json"):
            raise OSError(28, os.strerror(28))
        return really(path, *others, **named)

    monkeypatch.setattr("os.open", full)
    with pytest.raises(EngineError, match=r"key\.json: cannot be written: No space left on device"):
        built(tmp_path)
    assert not [*tmp_path.iterdir()]
