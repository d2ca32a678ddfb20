import csv
from dataclasses import replace
from pathlib import Path

import pytest

from gpu_metrics.errors import EngineError, InputError, SubmissionError
from gpu_metrics.profiles import load_profile
from gpu_metrics.results import Count, ImageRow, ProfileStamp, Rejection, Run
from gpu_metrics.runs import Entry, keep, names_of, save_table, submissions_in

PROFILE = load_profile("infrared-sr2026")
VALUES = {"psnr": 30.000000000000004, "ssim": None}
RUN = Run(
    profile=ProfileStamp(PROFILE.name, PROFILE.version, PROFILE.digest),
    submission="team",
    status="complete",
    scores={"total": 1 / 3},
    means=VALUES,
    counts={name: Count(1, 0) for name in VALUES},
    images=(ImageRow("001", VALUES, {"image": 4}),),
    provenance={"engine": "1", "files": {"001": {"sha256": "a"}}, "kernels": {"ssim": ["twin"]}},
)


def test_a_record_that_says_the_same_is_left_as_it_is(tmp_path):
    path = tmp_path / "team.json"
    keep(RUN, path)
    before = path.stat()
    keep(replace(RUN, provenance={**RUN.provenance, "kernels": {}, "cached": 1}), path)
    assert path.stat() == before
    assert Run.load(path) == RUN


@pytest.mark.parametrize(
    "changed",
    [
        replace(RUN, means={**VALUES, "psnr": 30.0}),
        replace(RUN, provenance={**RUN.provenance, "engine": "2"}),
        replace(RUN, rejected=(Rejection("002", "002.png", "empty file"),)),
    ],
    ids=["digit", "engine", "rejection"],
)
@pytest.mark.parametrize("before", [RUN.to_json(), "{", "no record", '{"schema_version": 0}'])
def test_a_record_that_says_something_else_is_replaced(tmp_path, changed, before):
    path = tmp_path / "team.json"
    path.write_text(before, "utf-8")
    keep(changed, path)
    assert Run.load(path) == changed


def test_the_table_has_all_digits_and_all_reasons(tmp_path):
    rejected = tuple(Rejection(f"{n}", f"{n}.png", "empty\nfile") for n in range(5))
    partial = replace(RUN, status="partial", scores={"total": None}, rejected=rejected)
    results = {
        "b": RUN,
        "=a": partial,
        "c": SubmissionError("does not match:", ["001: missing"]),
        "d": EngineError("given up\n  twice"),
    }
    path = tmp_path / "scores.csv"
    save_table([Entry.of(name, result) for name, result in results.items()], PROFILE, path)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    reason = "0.png: empty file; 1.png: empty file; 2.png: empty file; and 2 more"
    assert rows == [
        ["submission", "status", "total", "psnr", "ssim", "reason"],
        ["'=a", "partial", "", "30.000000000000004", "", reason],
        ["b", "complete", repr(1 / 3), "30.000000000000004", "", ""],
        ["c", "refused", "", "", "", "does not match: 001: missing"],
        ["d", "failed", "", "", "", "given up twice"],
    ]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/u/one", "/u/two.zip"], ["one", "two"]),
        (["/u/two.zip", "/u/one"], ["two", "one"]),
        (["/a/results", "/b/results.zip", "/c/own"], ["a-results", "b-results", "own"]),
        (["/x/a/r", "/y/a/r", "/y/b/r"], ["x-a-r", "y-a-r", "b-r"]),
        (["/a/Team", "/b/team"], ["a-Team", "b-team"]),
        (["/a/b-c", "/a-b/c"], ["b-c", "c"]),
        (["/u/v1.0", "/u/v1.1"], ["v1.0", "v1.1"]),
        (["/u/te\nam"], ["te\\nam"]),
    ],
)
def test_names_are_as_long_as_they_must_be(paths, names):
    assert names_of([Path(path) for path in paths]) == names


def test_submissions_without_a_name_of_their_own_are_told():
    with pytest.raises(InputError, match="must differ in name, got /u/a.zip, /u/a; rename one"):
        names_of([Path("/u/a.zip"), Path("/u/a")])


def test_submissions_are_folders_and_zip_files(tmp_path):
    for name in ("b", "runs", ".hidden", "__MACOSX"):
        (tmp_path / name).mkdir()
    for name in ("a.ZIP", "notes.txt", ".c.zip"):
        (tmp_path / name).touch()
    found = submissions_in(tmp_path, but=tmp_path / "x" / ".." / "runs")
    assert [path.name for path in found] == ["a.ZIP", "b"]


def test_a_folder_without_submissions_is_told(tmp_path):
    with pytest.raises(InputError, match="expected folders or zip files inside"):
        submissions_in(tmp_path, but=tmp_path)
    with pytest.raises(InputError, match="absent: cannot be listed: No such file"):
        submissions_in(tmp_path / "absent", but=tmp_path)
