import re
from pathlib import Path

import pytest

from gpu_metrics.errors import SubmissionError
from gpu_metrics.pairing import ReferenceFiles, find_submission, printable
from gpu_metrics.profiles import Images

OFFICIAL = Images(
    "first-three-digits", (".png", ".jpg", ".jpeg", ".bmp"), "opencv-color", skip="mask"
)
STEM = Images("stem", (".png",), "opencv-color")


@pytest.fixture
def touch(tmp_path):
    """Make empty files below the submission's folder; pairing never reads them."""

    def make(*names):
        folder = tmp_path / "secret" / "team"
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return folder

    return make


def wanted(*ids):
    return [ReferenceFiles(id_, Path(f"/server/gt/{id_}.png"), None, expected=id_) for id_ in ids]


def pair(folder, ids, rules=OFFICIAL):
    """Names of the files found, by id, and the remarks."""
    found, remarks = find_submission(folder, wanted(*ids), rules)
    return {id_: path.relative_to(folder).as_posix() for id_, path in found.items()}, remarks


def refusal(folder, ids, rules=OFFICIAL):
    with pytest.raises(SubmissionError) as caught:
        find_submission(folder, wanted(*ids), rules)
    assert str(folder.parent) not in str(caught.value), "a participant would read a server's path"
    assert "/server" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("001_flash.png", "001"),
        ("flash_001.png", "001"),
        ("a1b22c333d444.png", "333"),
        ("002.v3.jpg", "002"),
        ("12345.bmp", "123"),
    ],
)
def test_first_three_digits_in_a_row_are_the_id(touch, name, id_):
    assert pair(touch(name), [id_]) == ({id_: name}, [])


@pytest.mark.parametrize("ending", ["png", "PNG", "jpg", "JPG", "jpeg", "Jpeg", "bmp", "BMP"])
def test_endings_are_compared_without_case(touch, ending):
    name = f"001.{ending}"
    assert pair(touch(name), ["001"]) == ({"001": name}, [])


def test_four_digits_are_reported_with_the_reason(touch):
    error = refusal(touch("0001.png", "0002.png"), ["000"])
    assert error.problems == (
        "0002.png: has the id 000, as 0001.png has; the id is the first three digits in a row, "
        "so 0001 and 0002 both read as 000",
    )


def test_three_digits_twice_get_no_hint_about_four(touch):
    error = refusal(touch("001.png", "new/001.jpg"), ["001"])
    assert error.problems == ("new/001.jpg: has the id 001, as 001.png has",)


def test_a_name_without_an_id_is_refused(touch):
    error = refusal(touch("001.png", "portrait_12.png"), ["001"])
    assert error.problems == (
        "portrait_12.png: expected three digits in the name, which are its id",
    )


def test_folders_are_walked(touch):
    folder = touch("a/b/001.png", "c/002.png", "003.png")
    expected = {"001": "a/b/001.png", "002": "c/002.png", "003": "003.png"}
    assert pair(folder, expected) == (expected, [])


@pytest.mark.parametrize("name", ["001_mask.png", "PersonMASK/001.png", "masks/a/001.png"])
def test_names_and_folders_with_mask_are_passed_over(touch, name):
    found, remarks = pair(touch("001.png", name), ["001"])
    assert found == {"001": "001.png"}
    assert remarks == [f"{name}: passed over, its name holds 'mask'"]


def test_a_mask_above_the_submission_does_not_count(tmp_path):
    folder = tmp_path / "unmasked"
    folder.mkdir()
    (folder / "001.png").touch()
    assert pair(folder, ["001"])[0] == {"001": "001.png"}


@pytest.mark.parametrize(
    "litter", ["__MACOSX/._001.png", ".DS_Store", "Thumbs.db", "desktop.ini", ".hidden/002.png"]
)
def test_litter_is_ignored_without_a_word(touch, litter):
    assert pair(touch("001.png", litter), ["001"]) == ({"001": "001.png"}, [])


def test_other_files_are_noted(touch):
    found, remarks = pair(touch("001.png", "readme.txt", "src/model.py"), ["001"])
    assert found == {"001": "001.png"}
    assert remarks == [
        "readme.txt: passed over, not an image by its name",
        "src/model.py: passed over, not an image by its name",
    ]


def test_stems_must_match_exactly(touch):
    folder = touch("flash_001.png", "b.c.png")
    assert pair(folder, ["flash_001", "b.c"], STEM)[0] == {
        "flash_001": "flash_001.png",
        "b.c": "b.c.png",
    }
    error = refusal(folder, ["Flash_001", "b.c"], STEM)
    assert error.problems == (
        "Flash_001: missing; did you mean 'flash_001'?",
        "flash_001.png: no image of the set is called flash_001",
    )


def test_one_error_lists_everything(touch):
    folder = touch("001.png", "a/001.png", "005.png", "x.png", "y_777.jpg")

    error = refusal(folder, ["001", "002", "003"])

    assert error.summary == (
        "the submission does not match the reference set (1 of 3 images found):"
    )
    assert sorted(error.problems) == [
        "002: missing; did you mean '005'?",
        "003: missing; did you mean '005'?",
        "005.png: no image of the set is called 005",
        "a/001.png: has the id 001, as 001.png has",
        "x.png: expected three digits in the name, which are its id",
        "y_777.jpg: no image of the set is called 777",
    ]
    assert str(error).splitlines() == [error.summary, *(f"  {p}" for p in error.problems)]


def test_an_empty_folder_misses_everything(touch):
    error = refusal(touch(), ["001", "002"])
    assert error.problems == ("001: missing", "002: missing")


@pytest.mark.parametrize("name", ["absent", "file.zip"])
def test_no_folder_is_no_submission(touch, name):
    folder = touch("file.zip")
    with pytest.raises(SubmissionError, match=f"^{re.escape(name)}: expected a folder of images$"):
        find_submission(folder / name, wanted("001"), OFFICIAL)


def test_names_that_a_terminal_would_obey_are_escaped(touch):
    folder = touch("001.png", "002\x1b[2J\nfine.png")
    error = refusal(folder, ["001"])
    assert error.problems == ("002\\x1b[2J\\nfine.png: no image of the set is called 002",)


def test_names_that_are_no_text_are_escaped():
    assert printable("001_\udcff.png") == "001_\\udcff.png"
    assert printable("Müller 人.png") == "Müller 人.png"


def test_links_to_folders_are_not_followed_in_circles(touch):
    folder = touch("001.png")
    (folder / "again").symlink_to(folder)
    assert pair(folder, ["001"])[0] == {"001": "001.png"}
