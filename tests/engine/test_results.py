import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from gpu_metrics.engine import Scorer
from gpu_metrics.errors import EngineError, InputError
from gpu_metrics.results import (
    Count,
    ImageRow,
    ProfileStamp,
    Rejection,
    Run,
    write_atomically,
)

RUN = Run(
    profile=ProfileStamp("p", "1.0", "0" * 64),
    submission="Übung",
    status="partial",
    scores={"total": None},
    means={"psnr": 0.1 + 0.2, "lpips": None},
    counts={"psnr": Count(1, 0), "lpips": Count(0, 1)},
    images=(ImageRow("001", {"psnr": 5e-324, "lpips": None}, {"image": 9}),),
    rejected=(Rejection("002", "002.png", "empty file"),),
    warnings=("note",),
    provenance={"torch": "2", "files": {"001": {"sha256": "ab"}}},
)


@pytest.fixture(scope="module")
def scored(gallery, pixel_profile):
    scorer = Scorer(pixel_profile, gallery.reference, device="cpu")
    return scorer.score({**gallery.restored, "005": gallery.restored["002"]})


def test_json_gives_the_run_back(scored, tmp_path):
    for run in (RUN, scored):
        run.save(str(tmp_path / "run.json"))
        assert Run.load(str(tmp_path / "run.json")) == run
        assert Run.from_json(run.to_json()) == run


def test_json_is_plain(scored):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    record = json.loads(scored.to_json(), parse_constant=refuse)
    assert list(record) == [
        "profile",
        "submission",
        "status",
        "scores",
        "means",
        "counts",
        "images",
        "rejected",
        "warnings",
        "provenance",
        "schema_version",
    ]
    assert record["images"][1]["values"]["delta_e_person"] is None
    assert "Übung" in RUN.to_json()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_never_written(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        replace(RUN, means={"psnr": value}).to_json()


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_never_read(number):
    text = RUN.to_json().replace("5e-324", number)
    with pytest.raises(InputError, match=f"expected finite numbers, got {number}$"):
        Run.from_json(text)


@pytest.mark.parametrize("version", [None, 0, 2, "1", True])
def test_other_schemas_are_refused(version, tmp_path):
    record = json.loads(RUN.to_json()) | {"schema_version": version}
    if version is True:
        record.pop("schema_version")
    path = tmp_path / "run.json"
    path.write_text(json.dumps(record))
    got = None if version is True else version
    with pytest.raises(InputError) as caught:
        Run.load(path)
    assert str(caught.value) == f"{path}: schema_version: expected 1, got {got!r}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        b"\xff\xfe{}",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b"[" * 100_000,
        b'{"schema_version": 1}',
    ],
)
def test_files_that_are_no_record_are_named(tmp_path, content):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        Run.load(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_absent_files_are_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        Run.load(tmp_path / "absent.json")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        Run.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": 1}, "run record: expected profile, .*schema_version, got .*extra"),
        ({"profile": {"name": "p"}}, "profile: expected name, version, digest, got name"),
        ({"profile": "p"}, "profile: expected name, version, digest, got 'p'"),
        ({"counts": {"psnr": [1, 2]}}, r"counts of psnr: expected scored, not_scored, got \[1, 2"),
        ({"images": [{}]}, "images: expected id, values, pixels, got "),
        ({"rejected": [3]}, "rejected: expected id, file, reason, got 3"),
        ({"scores": {"total": "80"}}, "total: expected a number or null, got '80'"),
        ({"means": {"psnr": True}}, "psnr: expected a number or null, got True"),
        ({"images": 3}, "expected a run record"),
        ({"counts": []}, "expected a run record"),
        ({"scores": None}, "expected a run record"),
    ],
)
@pytest.mark.usefixtures("as_called")
def test_records_of_another_shape_say_where(change, message):
    record = json.loads(RUN.to_json()) | change
    with pytest.raises(InputError, match=message):
        Run.from_json(json.dumps(record))


def table(run):
    return list(csv.reader(io.StringIO(run.to_csv())))


def test_csv_has_every_digit_and_every_image(scored):
    header, *rows = table(scored)
    measures = list(scored.images[0].values)
    assert header == ["id", *measures, "rejected"]
    assert [row[0] for row in rows] == ["001", "002", "003", "004", "006", "005"]
    for image, row in zip(scored.images, rows[:-1], strict=True):
        values = [float(cell) if cell else None for cell in row[1:-1]]
        assert values == list(image.values.values())
        assert row[-1] == ""
    assert rows[-1] == ["005", *[""] * len(measures), "64 x 64, the reference is 128 x 96"]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd()", "'=cmd()"),
        ("+1", "'+1"),
        ("-001", "'-001"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'=1"),
        ("two\nlines\r\nand more", "two lines and more"),
        ("a,b", "a,b"),
        ('say "x"', 'say "x"'),
    ],
)
def test_csv_holds_neither_formulas_nor_second_lines(text, cell):
    run = replace(
        RUN,
        images=(replace(RUN.images[0], id=text),),
        rejected=(Rejection(f"{text}", "file", text),),
    )
    assert len(run.to_csv().splitlines()) == 3
    _, scored, rejected = table(run)
    assert scored[0] == rejected[0] == rejected[-1] == cell


def test_saving_makes_folders_and_leaves_no_litter(tmp_path):
    path = tmp_path / "a" / "b" / "run.json"
    RUN.save(path)
    RUN.save(path)
    RUN.save_table(path.with_suffix(".csv"))
    assert sorted(p.name for p in path.parent.iterdir()) == ["run.csv", "run.json"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / "run.json"
    path.write_text("old")

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fail)
    with pytest.raises(EngineError) as caught:
        RUN.save(path)
    assert str(caught.value) == f"{path}: cannot be written: No space left on device"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_way_is_told(tmp_path):
    with pytest.raises(EngineError, match="cannot be written: Is a directory"):
        RUN.save(tmp_path)


def test_devices_and_pipes_are_written_to_and_stay(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_atomically(pipe, "text")
        assert os.read(reader, 100) == b"text"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_a_link_keeps_pointing_at_the_file(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_atomically(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "text"
