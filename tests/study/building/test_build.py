import stat
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from gpu_metrics.intake.decoding import OFFICIAL, decode
from gpu_metrics.study.ballots import Ballot, Cast
from gpu_metrics.study.building.draw import draw_scenes
from gpu_metrics.study.building.jurors import Invited
from gpu_metrics.study.manifest import IMAGES, MANIFEST, Manifest, sha256
from gpu_metrics.study.votes import unblind
from tests.conftest import PORTRAITS
from tests.intake.files import encoded, opencv
from tests.study.results import (
    CONTEST,
    DESIGN,
    JURORS,
    SCENES,
    SIZE,
    TEAMS,
    built,
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
