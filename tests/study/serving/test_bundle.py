"""Bundles: what is in them, and what comes back from them."""

import json
import re
import zipfile

import pytest

from gpu_metrics.errors import EngineError, InputError
from gpu_metrics.study.manifest import BALLOTS
from gpu_metrics.study.serving.bundle import import_ballots, write_bundle
from gpu_metrics.study.serving.state import state
from gpu_metrics.study.store import AlreadyCast, BallotStore
from tests.engine.conftest import run_cli  # noqa: F401 - a fixture
from tests.study.serving.running import ballot_of
from tests.study.toy import toy_study


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "toy"
    return folder, *toy_study(folder, size=(24, 32), ties={"Ben": ["north"]})


@pytest.fixture
def store(study):
    with BallotStore(study[0] / BALLOTS, study[1]) as opened:
        yield opened


@pytest.fixture
def saved(study, tmp_path):
    """What Ben saves after two screens, or with changes."""
    _, manifest, key = study
    screens = state(manifest, "juror-2")["screens"]

    def write(name="ballots.json", **changes):
        document = {
            "study": manifest.sha256[:12],
            "juror": "juror-2",
            "invitation": key.jurors["juror-2"].invitation,
            "ballots": [ballot_of(screen) for screen in screens[:2]],
        }
        path = tmp_path / name
        path.write_text(json.dumps(document | changes))
        return path

    return write


def test_a_bundle_holds_one_jurors_study(study, tmp_path):
    folder, manifest, key = study
    path = tmp_path / "ben.zip"
    write_bundle(path, folder, manifest, key, "juror-2")
    assert path.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        files = {
            info.filename.removeprefix("juror-2/"): archive.read(info)
            for info in archive.infolist()
        }
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    script = files["state.js"].decode()
    known = json.loads(script.removeprefix("window.STUDY_STATE = ").removesuffix(";\n"))
    assert known.pop("invitation") == key.jurors["juror-2"].invitation
    assert known == state(manifest, "juror-2")
    shown = {t for s in known["screens"] for t in (s["input"], *s["order"])}
    images = [name for name in files if name.startswith("images/")]
    assert images == sorted(f"images/{token}.png" for token in shown)
    for name in images:
        assert files[name] == (folder / name).read_bytes()
    # every file that the page asks for is beside it, by a relative name
    page = files["index.html"].decode()
    for name in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert name in files
    assert "study.css" in files and "study.js" in files


def test_nothing_in_a_bundle_tells_of_teams_scenes_or_others(study, tmp_path):
    folder, manifest, key = study
    path = tmp_path / "ben.zip"
    write_bundle(path, folder, manifest, key, "juror-2")
    with zipfile.ZipFile(path) as archive:
        names = " ".join(archive.namelist())
        known = archive.read("juror-2/state.js").decode()
    secrets = [key.secret, key.organiser, key.jurors["juror-1"].invitation, "Ada", "Ben", "juror-1"]
    north = [token for token, team in key.teams.items() if team == "north"]
    for secret in [*secrets, *map('"{}"'.format, {*key.teams.values()}), *north, "repeat"]:
        assert secret not in known + names


def test_screens_cast_online_are_cast_in_the_bundle(study, store, saved, tmp_path, run_cli):  # noqa: F811
    folder, _, key = study
    key.save(tmp_path / "key.json")
    import_ballots(saved(), store)
    outcome = run_cli(
        *("study", "export", folder, "--key", tmp_path / "key.json"),
        *("-o", tmp_path / "out", "--juror", "Ben"),
    )
    assert (outcome.code, outcome.out) == (0, f"{tmp_path}/out/juror-2.zip\n")
    assert "send it to that juror alone" in outcome.err
    with zipfile.ZipFile(tmp_path / "out" / "juror-2.zip") as archive:
        known = archive.read("juror-2/state.js").decode()
    assert re.findall(r'"cast": (\w+)', known) == ["true", "true", "false", "false"]


def test_export_is_for_all_jurors_or_those_named(study, tmp_path, run_cli):  # noqa: F811
    folder, _, key = study
    key.save(tmp_path / "key.json")
    call = ("study", "export", folder, "--key", tmp_path / "key.json", "-o", tmp_path / "out")
    assert run_cli(*call).out.split() == [f"{tmp_path}/out/juror-{i}.zip" for i in (1, 2)]
    # asking for bundles makes no file of ballots
    assert not (folder / BALLOTS).exists()
    outcome = run_cli(*call, "--juror", "Eve")
    assert outcome.code == 2
    assert "no 'Eve' among the jurors: Ada (juror-1), Ben (juror-2)" in outcome.err


def test_a_bundle_needs_the_key_and_sound_images(study, tmp_path):
    folder, manifest, key = study
    with pytest.raises(InputError, match="key: not the one"):
        other = key.model_copy(update={"seed": 7})
        write_bundle(tmp_path / "a.zip", folder, manifest, other, "juror-1")
    token = manifest.seats["juror-1"].showings[0].order[0]
    (folder / "images" / f"{token}.png").unlink()
    with pytest.raises(EngineError, match=f"{token}.png: cannot be read"):
        write_bundle(tmp_path / "a.zip", folder, manifest, key, "juror-1")
    with pytest.raises(EngineError, match="cannot be written: No such file or directory"):
        write_bundle(tmp_path / "nowhere" / "a.zip", folder, manifest, key, "juror-1")
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


def test_saved_ballots_come_in_once(store, saved):
    assert import_ballots(saved(), store) == 2
    assert import_ballots(saved(), store) == 0
    assert [item.juror for item in store.all()] == ["juror-2", "juror-2"]


def test_of_a_file_with_a_contradiction_nothing_is_kept(study, store, saved):
    screens = state(study[1], "juror-2")["screens"]
    import_ballots(saved(), store)
    ballots = [ballot_of(screens[2]), ballot_of(screens[0], ordered=False)]
    with pytest.raises(AlreadyCast, match=f"juror-2: screen {screens[0]['screen']}: another"):
        import_ballots(saved(ballots=ballots), store)
    assert len(store.all()) == 2
    twice = [ballot_of(screens[3]), ballot_of(screens[3], ordered=False)]
    with pytest.raises(AlreadyCast, match="another ballot was cast"):
        import_ballots(saved(ballots=twice), store)
    assert len(store.all()) == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"study": "0" * 12}, "from another study, '000000000000'"),
        ({"juror": "juror-1"}, "its invitation is not that of 'juror-1'"),
        ({"invitation": "0" * 64}, "its invitation is not that of 'juror-2'"),
        ({"ballots": [{}]}, "ballots.0.screen: field required"),
        ({"more": 1}, "more: extra inputs are not permitted"),
        ({"ballots": [ballot_of({"screen": "x", "order": []})]}, "screen: not one of yours"),
        ({"ballots": [ballot_of({"screen": "x", "order": []}, seconds=-1)]}, "seconds"),
    ],
)
def test_files_that_do_not_fit_are_refused(store, saved, changes, said):
    path = saved(**changes)
    with pytest.raises(InputError, match=f"{path}.*{said}"):
        import_ballots(path, store)
    assert store.all() == []


def test_ballots_of_another_jurors_screen_are_refused(study, store, saved):
    _, manifest, key = study
    screen = state(manifest, "juror-1")["screens"][0]
    hidden = next(token for token in screen["order"] if key.teams[token] == "north")
    others = [token for token in screen["order"] if token != hidden][:2]
    with pytest.raises(InputError, match="picks: expected some of those on the screen"):
        import_ballots(saved(ballots=[ballot_of(screen, picks=[hidden, *others])]), store)


@pytest.mark.parametrize("text", [b"", b"\xff", b"[" * 100_000, b'{"study": "a", "study": "a"}'])
def test_hostile_files_are_refused(store, tmp_path, text):
    path = tmp_path / "ballots.json"
    path.write_bytes(text)
    with pytest.raises(InputError, match="ballots.json"):
        import_ballots(path, store)


def test_a_key_that_comes_twice_and_a_huge_file_are_refused(store, saved):
    path = saved()
    path.write_text(path.read_text().replace('"seconds"', '"seconds": 1.0, "seconds"', 1))
    with pytest.raises(InputError, match="expected each key once"):
        import_ballots(path, store)
    path.write_bytes(b" " * 400_000)
    with pytest.raises(InputError, match="expected at most 327680 bytes"):
        import_ballots(path, store)


def test_import_goes_on_after_a_refusal(study, saved, tmp_path, run_cli):  # noqa: F811
    good, bad = saved(), saved("bad.json", study="another")
    outcome = run_cli("study", "import", study[0], bad, good, tmp_path / "none.json")
    assert (outcome.code, outcome.out) == (1, f"{good}: 2 new\n")
    assert f"refused: {bad}: from another study" in outcome.err
    assert "2 of 3 files are refused; nothing of them is kept" in outcome.err
    again = run_cli("study", "import", study[0], good)
    assert (again.code, again.out) == (0, f"{good}: 0 new\n")
