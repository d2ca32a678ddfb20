from pathlib import Path

import pytest

from gpu_metrics.errors import SubmissionError
from gpu_metrics.pairing import ReferenceFiles, find_submission
from gpu_metrics.profiles import Images

OFFICIAL = Images("first-three-digits", (".png", ".jpg", ".jpeg", ".bmp"), "official", skip="mask")
STEM = Images("stem", (".png",), "official")


def wanted(*ids):
    return [ReferenceFiles(id_, Path(f"/server/gt/{id_}.png"), None, expected=id_) for id_ in ids]


def pair(names, ids, rules=OFFICIAL):
    """Names of the files found, by id, and the remarks."""
    found, remarks = find_submission(names, wanted(*ids), rules)
    return found, list(remarks)


def refusal(names, ids, rules=OFFICIAL):
    with pytest.raises(SubmissionError) as caught:
        find_submission(names, wanted(*ids), rules)
    assert "/server" not in str(caught.value), "a participant would read a server's path"
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
def test_first_three_digits_in_a_row_are_the_id(name, id_):
    assert pair([name], [id_]) == ({id_: name}, [])


@pytest.mark.parametrize("ending", ["png", "PNG", "jpg", "JPG", "jpeg", "Jpeg", "bmp", "BMP"])
def test_endings_are_compared_without_case(ending):
    name = f"001.{ending}"
    assert pair([name], ["001"]) == ({"001": name}, [])


def test_four_digits_are_reported_with_the_reason():
    error = refusal(["0001.png", "0002.png"], ["000"])
    assert error.problems == (
        "0002.png: has the id 000, as 0001.png has; the id is the first three digits in a row, "
        "so 0001 and 0002 both read as 000",
    )


def test_three_digits_twice_get_no_hint_about_four():
    error = refusal(["001.png", "new/001.jpg"], ["001"])
    assert error.problems == ("new/001.jpg: has the id 001, as 001.png has",)


def test_a_name_without_an_id_is_refused():
    error = refusal(["001.png", "portrait_12.png"], ["001"])
    assert error.problems == (
        "portrait_12.png: expected three digits in the name, which are its id",
    )


def test_folders_do_not_matter():
    expected = {"001": "a/b/001.png", "002": "c/002.png", "003": "003.png"}
    assert pair(expected.values(), expected) == (expected, [])


@pytest.mark.parametrize("name", ["001_mask.png", "PersonMASK/001.png", "masks/a/001.png"])
def test_names_and_folders_with_mask_are_passed_over(name):
    found, remarks = pair(["001.png", name], ["001"])
    assert found == {"001": "001.png"}
    assert remarks == [f"{name}: passed over, its name holds 'mask'"]


@pytest.mark.parametrize(
    ("names", "remarks"),
    [
        pytest.param(
            ["readme.txt", "src/model.py"],
            [
                "readme.txt: passed over, not an image by its name",
                "src/model.py: passed over, not an image by its name",
            ],
            id="line-34 extra files",
        ),
        pytest.param(
            ["old.zip"],
            [
                "old.zip: passed over, an archive inside, which is not opened; put the images "
                "themselves in its place"
            ],
            id="line-46 nested zip beside the images",
        ),
    ],
)
def test_other_files_are_noted(names, remarks):
    assert pair(["001.png", *names], ["001"]) == ({"001": "001.png"}, remarks)


def test_stems_may_hold_anything():
    names = ["flash_001.png", "b.c.png", "deep/x y.png"]
    found, _ = pair(names, ["flash_001", "b.c", "x y"], STEM)
    assert found == dict(zip(["flash_001", "b.c", "x y"], names, strict=True))


@pytest.mark.parametrize(
    ("name", "stem", "problem"),
    [
        pytest.param("A.PNG", "a", "found A.PNG, expected a.PNG", id="line-35 case"),
        pytest.param("x/B.png", "b", "found x/B.png, expected b.png", id="line-35 in a folder"),
        pytest.param(
            "A\u030a.png",
            "\xe5",
            "found A\u030a.png, expected \xe5.png, in another Unicode form",
            id="line-35 Unicode form",
        ),
    ],
)
def test_names_that_differ_by_case_or_form_are_told_as_such(name, stem, problem):
    assert refusal(["z.png", name], ["z", stem], STEM).problems == (problem,)


def test_one_name_stands_for_one_image_at_most():
    error = refusal(["Ab.png"], ["AB", "ab"], STEM)
    assert error.problems == ("found Ab.png, expected AB.png", "ab: missing")


def test_one_error_lists_everything():
    folder = ["001.png", "a/001.png", "005.png", "x.png", "y_777.jpg"]

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


def test_nothing_misses_everything():
    error = refusal([], ["001", "002"])
    assert error.problems == ("001: missing", "002: missing")


def test_all_images_missing_and_extra_are_listed():
    error = refusal([f"{n}.png" for n in range(500, 900)], [f"{n}" for n in range(100, 400)])
    missing = [f"{n}: missing" for n in range(100, 400)]
    extra = [f"{n}.png: no image of the set is called {n}" for n in range(500, 900)]
    # nobody is helped by the nearest of so many names, which take minutes to compare
    assert error.problems == (*missing, *extra)


def test_an_archive_inside_explains_what_is_missing():
    error = refusal(["001.png", "rest.ZIP"], ["001", "002"])
    assert error.problems == (
        "002: missing",
        "rest.ZIP: passed over, an archive inside, which is not opened; put the images themselves "
        "in its place",
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("002\x1b[2J\nfine.png", "002\\x1b[2J\\nfine.png", id="line-50 escape codes"),
        pytest.param("002\u202egnp.png", "002\\u202egnp.png", id="line-50 written backwards"),
        pytest.param(
            "002" + "x" * 4000 + ".png",
            "002" + "x" * 74 + "..." + "x" * 36 + ".png",
            id="line-50 4 kB long",
        ),
    ],
)
def test_names_are_shown_on_one_short_line(name, shown):
    error = refusal(["001.png", name], ["001"])
    assert error.problems == (f"{shown}: no image of the set is called 002",)
