"""Zip files of strangers that are refused as a whole, and what is said of them."""

import stat
import zipfile

import pytest

from tests.intake import zips
from tests.intake.archives import TWO, WHOLE, entry, refused

KERNEL = bytes(2**20)


def encrypted(data):
    """The same zip file with the mark of a password on every member."""
    return data.replace(b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01").replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"
    )


PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
TAR = bytes(257) + b"ustar" + bytes(300)
NO_ZIP = "team.zip: expected a folder of images or a zip file, got "


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        pytest.param(PNG, "a PNG file", id="line-36 PNG"),
        pytest.param(TAR, "a tar file", id="line-36 tar"),
        pytest.param(b"Rar!\x1a\x07\x01\x00", "a rar file", id="line-36 rar"),
        pytest.param(b"7z\xbc\xaf\x27\x1c\x00", "a 7z file", id="line-36 7z"),
        pytest.param(b"\x1f\x8b\x08", "a gzip file", id="line-36 gz"),
        pytest.param(b"\n<!DOCTYPE html><html>", "an HTML file", id="line-36 HTML"),
        pytest.param(PNG + TWO, "a PNG file", id="line-36 PNG with a zip file behind it"),
        pytest.param(b"anything", "a file of another kind", id="line-36 anything"),
        pytest.param(b"", "an empty file", id="line-36 nothing"),
    ],
)
def test_what_is_no_zip_file_is_named(put, data, kind):
    error = refused(put(data))
    assert (error.summary, error.problems) == (NO_ZIP + kind, ())


@pytest.mark.parametrize(
    "length", [4, 30, 2500, 5100, len(TWO) - 22, len(TWO) - 1], ids="line-37 cut at {}".format
)
def test_cut_zip_files_are_refused(put, length):
    error = refused(put(TWO[:length]))
    assert error.summary == (
        "team.zip: the zip file is cut short: its directory, which comes last, is missing"
    )


DAMAGED = "team.zip: the directory of the zip file is damaged: it "


@pytest.mark.parametrize(
    ("data", "how"),
    [
        pytest.param(
            zips.assembled(WHOLE, [entry()[:-3]]), "ends inside of an entry", id="line-37 entry"
        ),
        pytest.param(
            zips.assembled(WHOLE, [entry(), b"PK\x01\x02"]),
            f"cannot be read at byte {len(entry())}",
            id="line-37 half an entry",
        ),
        pytest.param(
            zips.assembled(WHOLE, [entry()], count=2),
            "lists 1 files and announces 2",
            id="line-37 count",
        ),
        pytest.param(
            zips.assembled(WHOLE, [entry(excess=1)]),
            "points behind the last file",
            id="line-37 packed size",
        ),
        pytest.param(
            zips.assembled(WHOLE, [entry(offset=2**32 - 2)]),
            "points behind the last file",
            id="line-37 offset",
        ),
        pytest.param(
            WHOLE + entry() + zips.end(1, len(entry()), len(WHOLE) + 1),
            "begins outside of the file",
            id="line-37 place",
        ),
        pytest.param(
            WHOLE + entry() + zips.end(2**16 - 1, len(entry()), len(WHOLE)),
            "lacks the record of its size",
            id="line-37 no record for large files",
        ),
        pytest.param(
            zips.assembled(WHOLE, [entry(size=2**32 - 1)]),
            "lacks the size of a large file",
            id="line-37 no size of a large file",
        ),
    ],
)
def test_damaged_directories_are_refused(put, data, how):
    assert refused(put(data)).summary == DAMAGED + how


BACKSLASH = "expected / between folders and no other mark; make the zip file with another program"
OUTSIDE = "leads out of the submission"
PASSWORD = "password-protected; make the zip file without a password"
LINK = "a symbolic link; put the file itself in its place"
NO_FILE = "neither a file nor a folder"
ALIKE = "the same name but for case or Unicode form"


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        pytest.param(
            encrypted(TWO),
            [f"001.png: {PASSWORD}", f"002.png: {PASSWORD}"],
            id="line-40 encrypted",
        ),
        pytest.param(
            zips.zipped({"a.png": b"", "../../b.png": b"", "c/../../d.png": b"", "..": b""}),
            [f"../../b.png: {OUTSIDE}", f"c/../../d.png: {OUTSIDE}", f"..: {OUTSIDE}"],
            id="line-41 up",
        ),
        pytest.param(
            zips.zipped({"/etc/cron.d/x": b"", "//host/share/x.png": b""}),
            [f"/etc/cron.d/x: {OUTSIDE}", f"//host/share/x.png: {OUTSIDE}"],
            id="line-41 absolute, UNC",
        ),
        pytest.param(
            zips.zipped({"C:/x.png": b"", "d:x.png": b""}),
            [f"C:/x.png: {OUTSIDE}", f"d:x.png: {OUTSIDE}"],
            id="line-41 drive",
        ),
        pytest.param(
            zips.zipped({"a\\..\\b.png": b"", "\\\\host\\x.png": b""}),
            [f"a\\..\\b.png: {BACKSLASH}", f"\\\\host\\x.png: {BACKSLASH}"],
            id="line-41 backslash",
        ),
        pytest.param(
            zips.assembled(
                zips.local(b"a\0.png", b"", 0, method=0), [zips.central(b"a\0.png", 0, 0, 0)]
            ),
            [f"a\\x00.png: {BACKSLASH}"],
            id="line-41 NUL",
        ),
        pytest.param(
            zips.with_mode("001.png", b"/etc/passwd", stat.S_IFLNK | 0o777),
            [f"001.png: {LINK}"],
            id="line-42 symlink",
        ),
        pytest.param(
            zips.with_mode("001.png", b"", stat.S_IFCHR | 0o666),
            [f"001.png: {NO_FILE}"],
            id="line-42 device",
        ),
        pytest.param(
            zips.with_mode("001.png", b"", stat.S_IFIFO | 0o666),
            [f"001.png: {NO_FILE}"],
            id="line-42 pipe",
        ),
        pytest.param(
            zips.overlap_bomb(3, KERNEL),
            [
                "001.png: overlaps 000.png inside the zip file",
                "002.png: overlaps 001.png inside the zip file",
            ],
            id="line-44 one member, many names",
        ),
        pytest.param(
            zips.quoting_bomb(3, KERNEL),
            [
                "001.png: overlaps 000.png inside the zip file",
                "002.png: overlaps 001.png inside the zip file",
            ],
            id="line-44 headers quoted",
        ),
        pytest.param(
            zips.zipped([("001.png", b"1"), ("001.png", b"2"), ("./001.png", b"3")]),
            ["001.png: comes 3 times"],
            id="line-47 duplicates",
        ),
        pytest.param(
            zips.zipped({"a/001.png": b"", "A/001.PNG": b""}),
            [f"A/001.PNG and a/001.png: {ALIKE}"],
            id="line-47 case",
        ),
        pytest.param(
            zips.zipped({"e\u0301.png": b"", "\xe9.png": b""}),
            [f"e\u0301.png and \xe9.png: {ALIKE}"],
            id="line-47 NFC and NFD",
        ),
        pytest.param(
            zips.zipped({"x\x1b[2J/../001.png": b""}),
            [f"x\\x1b[2J/../001.png: {OUTSIDE}"],
            id="line-50 escape codes",
        ),
        pytest.param(
            zips.zipped({"001.png": b"a"}, method=zipfile.ZIP_LZMA),
            ["001.png: packed by method 14; expected deflate, as most programs do by default"],
            id="another method",
        ),
    ],
)
def test_what_must_not_be_inside_is_listed(put, data, problems):
    error = refused(put(data))
    assert error.summary == "team.zip: cannot be accepted as it is:"
    assert sorted(error.problems) == sorted(problems)


def test_everything_is_listed_at_once(put):
    data = zips.zipped([("a.png", b"1"), ("A.png", b"2"), ("../b.png", b"3"), ("c.png", b"4" * 99)])
    assert refused(put(data), file_bytes=98).problems == (
        "../b.png: leads out of the submission",
        "c.png: 99 bytes; expected at most 98",
        f"A.png and a.png: {ALIKE}",
    )


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(zips.zipped({}), id="line-49 nothing"),
        pytest.param(zips.zipped({"a/": b"", "a/b/": b""}), id="line-49 folders"),
        pytest.param(
            zips.zipped({"__MACOSX/._a.png": b"", ".DS_Store": b"1"}), id="line-49 litter"
        ),
    ],
)
def test_empty_zip_files_are_refused(put, data):
    assert str(refused(put(data))) == "team.zip: no files in it; expected images"
