import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_metrics.names import folded, litter, printable, top_folder

ANY_TEXT = st.text(st.characters(exclude_categories=()))
PART = st.text(st.characters(exclude_characters="/", exclude_categories=()), min_size=1)


@given(ANY_TEXT)
def test_any_name_is_shown_on_one_short_line(name):
    shown = printable(name)
    assert shown.isprintable()
    assert len(shown) <= 120
    shown.encode("utf-8")


@given(ANY_TEXT)
def test_what_is_shown_is_shown_the_same_again(name):
    assert printable(printable(name)) == printable(name)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("001_\udcff.png", "001_\\udcff.png"),
        ("Müller 人.png", "Müller 人.png"),
        ("two\nlines\r\n", "two\\nlines\\r\\n"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
    ],
)
def test_names_are_escaped_where_they_must_be(name, shown):
    assert printable(name) == shown


def test_long_names_keep_both_ends():
    assert printable("a" * 100 + "b" * 1000 + ".png") == "a" * 77 + "..." + "b" * 36 + ".png"
    assert len(printable("a" * 121)) == len(printable("a" * 120)) == 120


@given(ANY_TEXT)
def test_case_and_form_make_no_other_name(name):
    for form in ("NFC", "NFD"):
        assert folded(unicodedata.normalize(form, name)) == folded(name)
    assert folded(folded(name)) == folded(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [("A.PNG", "a.png"), ("é", "e\u0301"), ("É", "e\u0301"), ("STRASSE", "straße")],
)
def test_alike(one, other):
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("001.png", None),
        ("a/b.c/001.png", None),
        ("__MACOSX/a/._001.png", "__MACOSX"),
        ("a/__MACOSX/001.png", "a/__MACOSX"),
        (".DS_Store", ".DS_Store"),
        ("a/.DS_Store", "a/.DS_Store"),
        (".git/objects/00/11", ".git"),
        ("THUMBS.DB", "THUMBS.DB"),
        ("a/Desktop.ini", "a/Desktop.ini"),
        ("thumbs.db.png", None),
    ],
)
def test_litter_is_told_by_its_name(name, left):
    assert litter(name) == left


@given(PART, st.lists(PART, min_size=1))
def test_a_folder_around_all_files_is_found(top, names):
    assert top_folder([f"{top}/{name}" for name in names]) == f"{top}/"


@pytest.mark.parametrize("names", [[], ["001.png"], ["a/001.png", "002.png"], ["a/1", "b/1"]])
def test_else_there_is_none(names):
    assert top_folder(names) == ""
