import os
import shutil
import zipfile
from dataclasses import replace

import pytest
import yaml

from gpu_metrics.errors import EngineError, InputError, ProfileError, ReferenceSetError
from gpu_metrics.pairing import reference_folders
from gpu_metrics.platforms.codabench.bundle import write_bundle
from gpu_metrics.platforms.codabench.competition import Competition, Phase, columns
from gpu_metrics.profiles import load_profile, parse_profile, profile_names
from tests.platforms.codabench_rules import described, refused
from tests.platforms.conftest import COMPETITION, day

IMAGES = [load_profile(name) for name in profile_names() if "piqa" not in name]


@pytest.mark.parametrize("profile", IMAGES, ids=lambda profile: profile.name)
def test_codabench_takes_a_bundle_of_every_profile(bundle, profile):
    folder = bundle(profile=profile)
    assert refused(folder) == []
    assert described(folder)["leaderboards"][0]["columns"] == columns(profile)
    rules = parse_profile(
        (folder / "scoring_program" / "profile.toml").read_text("utf-8"), where="profile.toml"
    )
    assert rules.digest == profile.digest


def spoil(content):
    """Faults of every kind, each with what is said of it."""
    task, phase, board = content["tasks"][0], content["phases"][0], content["leaderboards"][0]
    yield content, "version", 1, "version 1"
    yield content, "titel", "x", "competition: nothing reads 'titel'"
    yield content, "terms", "absent.md", "absent.md is missing or empty"
    yield content["pages"][0], "file", "absent.md", "absent.md is missing or empty"
    yield task, "reference_data", "absent", "reference_data absent is missing"
    yield phase, "starting_kit", "absent", "starting_kit absent is missing"
    yield phase, "tasks", [1], "tasks of phase 'One'"
    yield phase, "index", 0, None
    yield board["columns"][0], "title", "x" * 37, f"title {'x' * 37!r}"
    yield board["columns"][0], "key", "psnr", "columns with the same key"
    yield board["columns"][0], "index", 1, "columns with the same index"
    yield board["columns"][0], "sorting", "up", "sorting 'up'"
    yield board, "submission_rule", "Best", "submission_rule 'Best'"


def test_the_rules_notice_what_is_wrong(bundle):
    folder = bundle()
    text = (folder / "competition.yaml").read_text()
    for index in range(len(list(spoil(yaml.safe_load(text))))):
        content = yaml.safe_load(text)
        table, key, value, problem = list(spoil(content))[index]
        table[key] = value
        (folder / "competition.yaml").write_text(yaml.safe_dump(content))
        assert (problem in refused(folder)) if problem else (refused(folder) == [])


def test_codabench_takes_what_hosts_decide(bundle, tmp_path):
    (tmp_path / "logo.jpg").write_bytes(b"\xff\xd8\xff")
    competition = Competition(
        title="Ünïcode: 100 % \u2028 # {yes}",
        docker_image="ours:2",
        phases=[Phase("A", day(1), day(2)), Phase("B: on", day(3), day(4)), Phase("C", day(5))],
        description="- no\n- list",
        queue="af-42",
        limit=900,
        per_day=3,
        per_person=7,
        on_error="zero",
    )
    pages = {"Overview": "Mine.", "Data": "More.", "Terms": "Agree!"}
    folder = bundle(competition, picture=tmp_path / "logo.jpg", texts=pages)

    assert refused(folder) == []
    content = described(folder)
    assert (content["title"], content["description"]) == (competition.title, "- no\n- list")
    assert (content["queue"], content["docker_image"]) == ("af-42", "ours:2")
    assert (folder / content["image"]).read_bytes() == b"\xff\xd8\xff"
    assert (folder / content["terms"]).read_text() == "Agree!"
    assert [page["title"] for page in content["pages"]] == [
        *("Overview", "Evaluation", "Submission", "Data")
    ]
    assert (folder / content["pages"][0]["file"]).read_text() == "Mine."
    assert [(p["name"], p["start"], p.get("end")) for p in content["phases"]] == [
        ("A", "2026-03-01 00:00:00", "2026-03-02 00:00:00"),
        ("B: on", "2026-03-03 00:00:00", "2026-03-04 00:00:00"),
        ("C", "2026-03-05 00:00:00", None),
    ]
    assert {p["execution_time_limit"] for p in content["phases"]} == {900}
    metadata = (folder / "scoring_program" / "metadata.yaml").read_text()
    assert metadata == (
        "command: python3 scoring.py /app/input /app/output --seconds 870 --on-error zero\n"
    )


def test_the_board_of_the_challenge_has_its_columns():
    listed = columns(load_profile("raim2026-flash-portrait"))
    assert [(c["title"], c["key"], c["sorting"], c["precision"]) for c in listed] == [
        ("Score", "Score", "desc", 2),
        ("LPIPS_person", "LPIPS_person", "asc", 4),
        ("dE_person", "DeltaE_person", "asc", 2),
        ("GlobalScore", "GlobalScore", "desc", 4),
    ]
    assert [column["index"] for column in listed] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": ""}, "title: expected 1 to 256 characters, got 0"),
        ({"title": "x" * 257}, "title: expected 1 to 256 characters, got 257"),
        ({"limit": 59}, "limit: expected 60 s or more, got 59"),
        ({"phases": []}, "phases: expected one at least"),
        ({"phases": [Phase("A", day(2), day(2))]}, "phase 'A': ends before it starts"),
        (
            {"phases": [Phase("A", day(1)), Phase("B", day(2))]},
            "phase 'A': must end before 'B' starts, at 2026-03-02 00:00:00",
        ),
        (
            {"phases": [Phase("A", day(1), day(2)), Phase("B", day(2))]},
            "phase 'A': must end before",
        ),
    ],
)
def test_what_codabench_would_refuse_is_refused_first(bundle, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        bundle(replace(COMPETITION, **change))
    assert list(tmp_path.iterdir()) == []


def test_zero_is_never_the_best_score(bundle, plain, tmp_path):
    lower = replace(plain, ranking=replace(plain.ranking, higher_is_better=False))
    with pytest.raises(ProfileError, match="0 would be the best score; fail on errors"):
        bundle(replace(COMPETITION, on_error="zero"), lower)
    assert list(tmp_path.iterdir()) == []


def test_columns_that_codabench_cannot_hold_are_refused(plain):
    text = plain.text + f'[outputs]\nScore = "total"\n"{"x" * 37}" = "psnr"\n'
    with pytest.raises(ProfileError, match="'x{37}' is too long for a column of Codabench"):
        columns(parse_profile(text, where="long.toml"))


def test_reference_data_are_what_is_scored_and_nothing_else(spoiled, bundle, pixel_profile):
    (spoiled.reference / "notes.txt").write_text("private")
    (spoiled.reference / "gt" / "notes.txt").write_text("private")
    folder = bundle(profile=pixel_profile, reference=spoiled.reference) / "reference_data"
    copied = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    assert copied == {f"{kind}/{id_}.png" for kind in ("gt", "mask") for id_ in spoiled.truth}
    original = (spoiled.reference / "gt" / "001.png").read_bytes()
    assert (folder / "gt" / "001.png").read_bytes() == original


def test_a_manifest_travels_with_its_files(make_profile, gallery, tmp_path, bundle):
    root = tmp_path / "reference"
    shutil.copytree(gallery.reference / "gt", root / "truth" / "deep")
    rows = "".join(f"{i},truth/deep/{i}.png,out/{i}.png\n" for i in ("001", "002"))
    (root / "manifest.csv").write_text(f"id,gt,submission\n{rows}")
    profile = make_profile({"psnr": 'metric = "psnr"'}, pairing='"manifest"')
    folder = bundle(profile=profile, reference=root)

    assert refused(folder) == []
    data = folder / "reference_data"
    assert sorted(path.name for path in data.rglob("*.*")) == ["001.png", "002.png", "manifest.csv"]
    sample = zipfile.ZipFile(folder / "starting_kit" / "sample_submission.zip")
    assert sample.namelist() == ["out/001.png", "out/002.png"]


def test_a_manifest_that_points_elsewhere_is_refused(make_profile, gallery, tmp_path, bundle):
    root = tmp_path / "reference"
    root.mkdir()
    gt = os.path.relpath(gallery.reference / "gt" / "001.png", root)
    (root / "manifest.csv").write_text(f"id,gt,submission\n001,{gt},001.png\n")
    profile = make_profile({"psnr": 'metric = "psnr"'}, pairing='"manifest"')
    with pytest.raises(ReferenceSetError, match="lies outside of .*, so a bundle cannot hold it"):
        bundle(profile=profile, reference=root)
    assert [path.name for path in tmp_path.iterdir()] == ["reference"]


def test_without_reference_the_bundle_is_complete_but_for_the_data(bundle):
    folder = bundle(reference=None)
    assert refused(folder) == []
    assert "reference_data" not in described(folder)["tasks"][0]
    assert not (folder / "reference_data").exists()
    assert not (folder / "starting_kit" / "sample_submission.zip").exists()


def test_a_zip_file_holds_the_same_and_is_the_same_every_time(bundle, gallery, plain, tmp_path):
    folder, folders = bundle(), reference_folders(gallery.reference)
    for name in ("one.zip", "two.zip"):
        write_bundle(tmp_path / name, COMPETITION, plain, reference=folders)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        unpacked = {name: archive.read(name) for name in archive.namelist()}
        assert {member.external_attr >> 16 for member in archive.infolist()} == {0o644}
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert unpacked == {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_what_is_there_is_never_replaced(bundle, tmp_path):
    (tmp_path / "bundle").mkdir()
    with pytest.raises(InputError, match="bundle: is there already; name another file or folder"):
        bundle()


def test_a_failing_disk_leaves_nothing(bundle, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fail)
    with pytest.raises(EngineError, match="No space left on device"):
        bundle()
    assert list(tmp_path.iterdir()) == []
