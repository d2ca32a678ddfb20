"""Files of a submission in one form, whatever form they came in."""

import gc
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpu_metrics.errors import InputError, SubmissionError
from gpu_metrics.intake.entries import open_entries
from gpu_metrics.intake.listing import Limits
from tests.intake import zips

FILES = {"001.png": b"one", "002.png": b"two" * 1000, "readme.txt": b"CPU[1] / GPU[0] : 0"}


@pytest.fixture(params=["folder", "zip", "mapping", "pairs"])
def source(request, tmp_path):
    """Make a submission of named bytes in each of the forms it may have."""

    def make(files):
        if request.param == "zip":
            path = tmp_path / "team.zip"
            path.write_bytes(zips.zipped(files))
            return path
        if request.param == "folder":
            for name, data in files.items():
                path = tmp_path / "team" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            return tmp_path / "team"
        return files if request.param == "mapping" else iter(files.items())

    return make


def test_files_are_the_same_in_every_form(source):
    with open_entries(source(FILES)) as entries:
        assert entries.names == ("001.png", "002.png", "readme.txt")
        assert {name: entries.read(name) for name in entries.names} == FILES
        assert [entries.size(name) for name in entries.names] == [3, 3000, 19]
        assert entries.readme == {"device": "gpu"}
        assert entries.remarks == ()


@pytest.mark.parametrize(
    ("litter", "remarks"),
    [
        pytest.param([], [], id="line-48 top folder"),
        pytest.param(
            ["__MACOSX/team/._001.png", "__MACOSX/._team", "team/.DS_Store", "team/Thumbs.db"],
            ["__MACOSX, team/.DS_Store, team/Thumbs.db: passed over, left by a system or a tool"],
            id="line-48 __MACOSX",
        ),
        pytest.param(
            ["desktop.ini"],
            ["desktop.ini: passed over, left by a system or a tool"],
            id="line-48 desktop.ini",
        ),
        pytest.param(
            [f".{number}" for number in range(10, 23)],
            [
                ".10, .11, .12, .13, .14, .15, .16, .17, .18, .19 and 3 more: passed over, left by "
                "a system or a tool"
            ],
            id="line-48 much litter",
        ),
    ],
)
def test_a_folder_around_everything_and_litter_are_left_out(source, litter, remarks):
    files = {f"team/{name}": data for name, data in FILES.items()} | dict.fromkeys(litter, b"")
    with open_entries(source(files)) as entries:
        assert entries.names == ("001.png", "002.png", "readme.txt")
        assert entries.read("001.png") == b"one"
        assert entries.remarks == (*remarks, "team/: passed over, the folder around all files")
        assert entries.readme == {"device": "gpu"}


def test_one_folder_around_everything_is_enough(source):
    with open_entries(source({"a/b/001.png": b"1", "a/b/002.png": b"2"})) as entries:
        assert entries.names == ("b/001.png", "b/002.png")


@pytest.mark.parametrize(
    ("files", "limits", "problem"),
    [
        pytest.param(
            {"a.png": b"", "b.png": b"", "c.png": b""},
            {"files": 2},
            ": more than 2 files and folders; hand in the images alone",
            id="files",
        ),
        pytest.param(
            {"a.png": b"123", "b.png": b"1"},
            {"file_bytes": 2},
            "a.png: 3 bytes; expected at most 2",
            id="one file",
        ),
        pytest.param(
            {"a.png": b"123", "b.png": b"1"},
            {"total_bytes": 3},
            "4 bytes in all; expected at most 3",
            id="all files",
        ),
        pytest.param({}, {}, ": no files in it; expected images", id="nothing"),
        pytest.param(
            {"A.png": b"", "a.png": b""},
            {},
            "A.png and a.png: the same name but for case or Unicode form",
            id="case twins",
        ),
    ],
)
def test_bounds_are_the_same_in_every_form(source, tmp_path, files, limits, problem):
    (tmp_path / "team").mkdir()
    with pytest.raises(SubmissionError) as caught:
        open_entries(source(files), limits=Limits(**limits))
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../a.png", "leads out of the submission"),
        ("/a.png", "leads out of the submission"),
        ("", "expected a name"),
        ("./", "expected a name"),
    ],
)
def test_named_bytes_obey_the_same_rules(name, problem):
    with pytest.raises(SubmissionError) as caught:
        open_entries([(name, b""), ("b.png", b"")])
    assert str(caught.value) == f"the files: cannot be accepted as it is:\n  {name}: {problem}"


def test_pairs_may_repeat_a_name():
    with pytest.raises(SubmissionError, match=r"a\.png: comes 2 times"):
        open_entries([("a.png", b"1"), ("a.png", b"1")])


def test_endless_pairs_end():
    def forever():
        number = 0
        while True:
            yield f"{number}.png", b""
            number += 1

    with pytest.raises(SubmissionError, match="more than 10,000 files"):
        open_entries(forever())


def test_bytes_are_asked_for(as_called):
    with pytest.raises(InputError, match=r"^a\.png: expected bytes, got list$"):
        open_entries({"a.png": [1, 2]})


@pytest.mark.parametrize("size", [2**16, 2**16 + 1])
def test_readmes_are_read_up_to_a_size(source, size):
    text = b"runtime per image [s] : 7.17".ljust(size)
    with open_entries(source({"001.png": b"", "a/README.TXT": text})) as entries:
        assert entries.readme == ({"runtime_per_image": "7.17"} if size == 2**16 else None)


def test_the_outermost_readme_counts():
    files = {"a/b/readme.txt": b"CPU[1]:0", "c/readme.txt": b"CPU[1]:1", "d.png": b""}
    assert open_entries(files).readme == {"device": "cpu"}


def test_a_damaged_readme_is_none(tmp_path):
    path = tmp_path / "team.zip"
    path.write_bytes(zips.zipped({"readme.txt": b"CPU[1]:0"}, method=0).replace(b"CPU", b"XPU"))
    with open_entries(path) as entries:
        assert (entries.names, entries.readme) == (("readme.txt",), None)


def test_a_forgotten_zip_file_is_closed(tmp_path):
    path = tmp_path / "team.zip"
    path.write_bytes(zips.zipped(FILES))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_entries(path)
        gc.collect()


def test_a_closed_zip_file_stays_closed(tmp_path):
    path = tmp_path / "team.zip"
    path.write_bytes(zips.zipped(FILES))
    entries = open_entries(path)
    entries.close()
    entries.close()
    with pytest.raises(ValueError, match="closed file"):
        entries.read("001.png")


PART = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='/\\:<>"|?*'),
    min_size=1,
    max_size=20,
)


@given(st.dictionaries(st.lists(PART, min_size=1, max_size=4).map("/".join), st.binary()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_zip_files_and_bytes_agree_on_any_names(tmp_path, files):
    path = tmp_path / "team.zip"
    path.write_bytes(zips.zipped(files))
    found = []
    for source in (path, files):
        try:
            with open_entries(source) as entries:
                found.append({name: entries.read(name) for name in entries.names})
        except SubmissionError as error:
            found.append(sorted(error.problems))
    assert found[0] == found[1]
