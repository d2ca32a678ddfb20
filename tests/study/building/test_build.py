import os
import stat
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from gpu_metrics.contests import load_contest
from gpu_metrics.errors import EngineError, InputError, SubmissionError
from gpu_metrics.intake.decoding import OFFICIAL, decode
from gpu_metrics.study.ballots import Ballot, Cast
from gpu_metrics.study.building.build import build_study
from gpu_metrics.study.building.draw import draw_scenes
from gpu_metrics.study.building.jurors import Invited
from gpu_metrics.study.manifest import IMAGES, MANIFEST, Manifest, sha256
from gpu_metrics.study.votes import unblind
from tests.conftest import PORTRAITS
from tests.intake.files import encoded, opencv, png
from tests.study.results import (
    CONTEST,
    DESIGN,
    JURORS,
    PROFILE,
    SCENES,
    SIZE,
    TEAMS,
    built,
    inputs,
    picture,
    results,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return built(tmp_path_factory.mktemp("made"))


def scenes_of(manifest, key, kind):
    return sorted(key.scenes[id_] for id_, s in manifest.screens.items() if s.kind == kind)


def test_the_manifest_is_what_was_written(made, tmp_path):
    study, manifest, key = made
    assert Manifest.load(study / MANIFEST) == manifest
    assert sha256((study / MANIFEST).read_text()) == manifest.sha256
    assert manifest.key_sha256 == sha256(key.to_json())
    assert manifest.organiser_sha256 == sha256(key.organiser)
    assert sorted(p.name for p in study.iterdir()) == [IMAGES, MANIFEST]
    assert {p.stem for p in (study / IMAGES).iterdir()} == {*manifest.images}
    assert all(p.suffix == ".png" for p in (study / IMAGES).iterdir())
    assert not [p for p in study.parent.iterdir() if p.name.startswith(".")]


def test_scenes_are_those_of_the_draw(made):
    _, manifest, key = made
    voted = draw_scenes(SCENES, 6, seed=3)
    rest = [scene for scene in SCENES if scene not in voted]
    assert scenes_of(manifest, key, "vote") == [*voted]
    assert scenes_of(manifest, key, "practice") == [*draw_scenes(rest, 1, seed=3)]
    assert len({*scenes_of(manifest, key, "repeat")} & {*voted}) == 2
    assert (key.seed, len(key.scenes)) == (3, 9)


def test_repeats_do_not_follow_from_the_seed(made, tmp_path):
    _, manifest, key = made
    others = {
        tuple(scenes_of(*built(tmp_path / str(i), secret=bytes([i]) * 32)[1:], "repeat"))
        for i in range(5)
    }
    assert len(others) > 1


def test_every_token_shows_what_the_key_says(made):
    study, manifest, key = made
    truth = {
        team: dict(zip(SCENES, files.values(), strict=True)) for team, files in results().items()
    }
    shown = 0
    for id_, screen in manifest.screens.items():
        scene = key.scenes[id_]
        pixels = opencv((study / IMAGES / f"{screen.input}.png").read_bytes())
        np.testing.assert_array_equal(pixels, picture(scene, 0))
        assert (screen.height, screen.width) == SIZE
        assert sorted(key.teams[name] for name in screen.candidates) == sorted(TEAMS)
        for name in screen.candidates:
            pixels = opencv((study / IMAGES / f"{name}.png").read_bytes())
            expected = decode(truth[key.teams[name]][scene], policy=OFFICIAL).pixels
            np.testing.assert_array_equal(pixels, expected)
            shown += 1
    assert shown == 9 * 4 == len(key.teams)


def test_every_juror_sees_every_screen_once(made):
    _, manifest, key = made
    assert [juror.name for juror in key.jurors.values()] == [juror.name for juror in JURORS]
    for seat in manifest.seats.values():
        assert sorted(s.screen for s in seat.showings) == sorted(manifest.screens)
        kinds = [manifest.screens[s.screen].kind for s in seat.showings]
        assert kinds[0] == "practice" and kinds[5:].count("repeat") == 2
        for showing in seat.showings:
            assert sorted(showing.order) == [*manifest.screens[showing.screen].candidates]
    first, second = (seat.showings for seat in manifest.seats.values())
    assert first != second


@pytest.mark.parametrize("kind", ["vote", "repeat"])
def test_tiles_are_balanced_per_juror_and_over_jurors(tmp_path, kind):
    jurors = [Invited(f"juror {i}") for i in range(3)]
    _, manifest, key = built(tmp_path, jurors=jurors)
    seen = {
        id_: Counter(
            (key.teams[name], place)
            for showing in seat.showings
            if manifest.screens[showing.screen].kind == kind
            for place, name in enumerate(showing.order)
        )
        for id_, seat in manifest.seats.items()
    }
    for counts in [*seen.values(), sum(seen.values(), Counter())]:
        found = [counts[team, place] for team in TEAMS for place in range(4)]
        assert max(found) - min(found) <= 1


def test_a_juror_is_never_shown_a_team_they_are_tied_to(tmp_path):
    contest = replace(CONTEST, jury=replace(CONTEST.jury, best=2))
    jurors = [*JURORS, Invited("Cyd", ("southern-cross",))]
    _, manifest, key = built(tmp_path, contest=contest, jurors=jurors)
    for showing in manifest.seats["juror-3"].showings:
        assert sorted(key.teams[name] for name in showing.order) == sorted(
            {*TEAMS} - {"southern-cross"}
        )
    assert key.jurors["juror-3"].tied_to == ("southern-cross",)


def test_ballots_on_it_become_votes(made):
    _, manifest, key = made
    cast = [
        Cast(
            juror=id_,
            ballot=Ballot(screen=s.screen, picks=s.order[:3], ordered=True, seconds=1.0),
            received="now",
        )
        for id_, seat in manifest.seats.items()
        for s in seat.showings
    ]
    votes = unblind(manifest, key, cast)
    assert len(votes) == 18 and all(vote.shown[:3] == vote.picks for vote in votes)
    assert {vote.juror for vote in votes} == {juror.name for juror in JURORS}


def test_invitations_open_seats_and_are_never_the_same(made, tmp_path):
    _, manifest, key = made
    for id_, juror in key.jurors.items():
        assert manifest.seat_of(juror.invitation) == id_
    _, _, again = built(tmp_path)
    everything = [j.invitation for k in (key, again) for j in k.jurors.values()]
    everything += [key.organiser, again.organiser]
    assert len({*everything}) == 6 and all(len(bytes.fromhex(text)) == 32 for text in everything)


def test_only_the_owner_reads_the_key(made):
    study, _, _ = made
    assert stat.S_IMODE((study.parent / "key.json").stat().st_mode) == 0o600


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


def test_real_portraits(tmp_path):
    if not PORTRAITS.exists():
        pytest.skip("the portraits are not there")
    photographs = {path.name: path.read_bytes() for path in (PORTRAITS / "gt").glob("*.jpg")}
    given = {
        team: {name: encoded(".png", opencv(data) // n) for name, data in photographs.items()}
        for n, team in enumerate(TEAMS, start=1)
    }
    given = {t: {n.replace("jpg", "png"): d for n, d in f.items()} for t, f in given.items()}
    design = replace(DESIGN, scenes=2, practice=0, repeats=1)
    study, manifest, key = built(tmp_path, given=given, inputs=photographs, design=design)
    for id_, screen in manifest.screens.items():
        truth = opencv(photographs[f"{key.scenes[id_]}.jpg"])
        assert (screen.height, screen.width) == truth.shape[:2]
        for name in screen.candidates:
            pixels = opencv((study / IMAGES / f"{name}.png").read_bytes())
            divisor = TEAMS.index(key.teams[name]) + 1
            np.testing.assert_array_equal(pixels, truth // divisor)
