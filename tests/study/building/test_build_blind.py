"""No byte of a study depends on who made which result, but through the secret of its key.

What is written of pixels knows no names, what is written of names knows no pixels, and names are
hidden by a keyed hash. Each of the three is tested apart.
"""

import os
import stat
from collections import Counter

import pytest

from gpu_metrics.study.building.pictures import PADDING
from gpu_metrics.study.building.seats import result_token
from gpu_metrics.study.manifest import IMAGES
from tests.study.building.test_pictures import chunks
from tests.study.results import JURORS, SCENES, SECRET, TEAMS, built, inputs, results


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return built(tmp_path_factory.mktemp("blind"))


def pixels_of(study):
    """How often each image occurs among the files, padding aside."""
    files = (dict(chunks(p.read_bytes())) | {PADDING: b""} for p in (study / IMAGES).iterdir())
    return Counter(tuple(sorted(file.items())) for file in files)


def test_no_name_is_in_any_byte_of_it(made):
    study, _, key = made
    names = [*TEAMS, *(juror.name for juror in JURORS), "Author", "tEXt", "eXIf", "tIME"]
    names += [f'"{scene}"' for scene in SCENES] + [f"{scene}_" for scene in SCENES]
    names += [*inputs(), *(name for files in results().values() for name in files)]
    names += [key.secret, key.organiser, *(juror.invitation for juror in key.jurors.values())]
    everything = b"\n".join(
        os.fsencode(path.name) + (b"" if path.is_dir() else path.read_bytes())
        for path in [study, *study.rglob("*")]
    ).lower()
    assert not [name for name in names if name.lower().encode() in everything]
    # what the host's and the teams' files did hold
    given = b"".join(data for files in results().values() for data in files.values())
    assert b"northern-lights" in given and b"southern-cross" in given


def test_files_of_a_screen_differ_in_their_pixels_alone(made):
    study, manifest, _ = made
    for screen in manifest.screens.values():
        names = [screen.input, *screen.candidates]
        files = [study / IMAGES / f"{name}.png" for name in names]
        found = [path.stat() for path in files]
        assert len({s.st_size for s in found}) == 1
        assert {s.st_mtime_ns for s in found} == {946684800 * 10**9}
        assert len({stat.S_IMODE(s.st_mode) for s in found}) == 1
        # the order in which they were written is that of the tokens
        by_time = [s.st_ctime_ns for _, s in sorted(zip(names, found, strict=True))]
        assert by_time == sorted(by_time)
        shapes = {
            tuple((kind, len(body)) for kind, body in chunks(path.read_bytes())[::3])
            for path in files
        }
        assert shapes == {((b"IHDR", 13), (b"IEND", 0))}
        assert all(
            [kind for kind, _ in chunks(path.read_bytes())] == [b"IHDR", b"IDAT", PADDING, b"IEND"]
            for path in files
        )


def test_what_is_written_of_pixels_knows_no_names(made, tmp_path):
    study, manifest, key = made
    renamed = {f"new {team}": files for team, files in results().items()}
    other, theirs, opening = built(tmp_path, given=renamed)
    assert pixels_of(study) != Counter() and set(pixels_of(study)) == set(pixels_of(other))
    assert not {*key.teams} & {*opening.teams}
    assert [len(s.candidates) for s in manifest.screens.values()] == [
        len(s.candidates) for s in theirs.screens.values()
    ]


def test_what_is_written_of_names_knows_no_pixels(made, tmp_path):
    study, manifest, key = made
    teams = [*results().values()]
    exchanged = dict(zip(TEAMS, [*teams[1:], teams[0]], strict=True))
    other, theirs, opening = built(tmp_path, given=exchanged)
    assert pixels_of(study) == pixels_of(other)
    apart = {"key_sha256", "organiser_sha256", "seats", "images"}
    assert manifest.model_dump(exclude=apart) == theirs.model_dump(exclude=apart)
    assert {*manifest.images} == {*theirs.images} and key.teams == opening.teams
    assert not {*manifest.images.values()} & {*theirs.images.values()} - _of_inputs(manifest)
    for mine, other_seat in zip(manifest.seats.values(), theirs.seats.values(), strict=True):
        assert mine.showings == other_seat.showings


def _of_inputs(manifest):
    return {manifest.images[screen.input] for screen in manifest.screens.values()}


def test_names_are_hidden_by_the_secret(made, tmp_path):
    _, manifest, key = made
    _, theirs, opening = built(tmp_path, secret=SECRET[::-1])
    mine = {*manifest.images, *manifest.screens}
    assert not mine & {*theirs.images, *theirs.screens}
    assert not {*manifest.images.values()} & {*theirs.images.values()}
    # one team's tokens have nothing in common from screen to screen
    own = [name for name, team in key.teams.items() if team == TEAMS[0]]
    assert len({name[:4] for name in own}) == len(own)


def test_the_order_of_tokens_favors_no_team():
    first = Counter(
        min(TEAMS, key=lambda team: result_token(bytes([i % 256, i // 256]), "vote", "001", team))
        for i in range(2000)
    )
    # 500 each, with a standard deviation of 19
    assert all(abs(first[team] - 500) < 90 for team in TEAMS)


def test_the_same_pixels_never_have_the_same_hash(made):
    """Repeats show them again, and whoever has them cannot find them in the manifest."""
    study, manifest, _ = made
    assert max(pixels_of(study).values()) == 2
    assert len({*manifest.images.values()}) == len(manifest.images)
