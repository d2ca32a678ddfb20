"""Folders of strangers: nothing outside of them is read, and nothing keeps a reader waiting."""

import os
import socket
import sys

import pytest

from gpu_metrics.errors import EngineError, InputError, SubmissionError
from gpu_metrics.intake.entries import open_entries
from gpu_metrics.intake.listing import Limits

LINK = "a symbolic link; put the file itself in its place"
ALIKE = "the same name but for case or Unicode form"


@pytest.fixture
def folder(tmp_path):
    """A folder with two files, below one that nobody should read in a message."""
    folder = tmp_path / "server" / "team"
    (folder / "deep").mkdir(parents=True)
    (folder / "001.png").write_bytes(b"one")
    (folder / "deep" / "002.png").write_bytes(b"two")
    (folder.parent / "secret.png").write_bytes(b"secret")
    return folder


def refused(folder, **limits):
    with pytest.raises(SubmissionError) as caught:
        open_entries(folder, limits=Limits(**limits))
    assert "server" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("form", [str, lambda path: path], ids=["text", "path"])
def test_every_file_is_read(folder, form):
    with open_entries(form(folder)) as entries:
        assert entries.names == ("001.png", "deep/002.png")
        assert [entries.read(name) for name in entries.names] == [b"one", b"two"]
        assert [entries.size(name) for name in entries.names] == [3, 3]
        assert entries.remarks == ()


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        pytest.param(
            lambda folder: (folder / "l.png").symlink_to(folder.parent / "secret.png"),
            f"l.png: {LINK}",
            id="line-42 link to a file",
        ),
        pytest.param(
            lambda folder: (folder / "l").symlink_to(folder.parent),
            f"l: {LINK}",
            id="line-42 link to a folder",
        ),
        pytest.param(
            lambda folder: (folder / "l").symlink_to(folder),
            f"l: {LINK}",
            id="line-42 link in a circle",
        ),
        pytest.param(
            lambda folder: (folder / "deep" / "l.png").symlink_to("nowhere"),
            f"deep/l.png: {LINK}",
            id="line-42 link to nothing",
        ),
        pytest.param(
            lambda folder: os.mkfifo(folder / "pipe.png"),
            "pipe.png: neither a file nor a folder",
            id="line-42 pipe",
        ),
        pytest.param(
            lambda folder: (folder / "a\\b.png").touch(),
            "a\\b.png: expected / between folders and no other mark; make the zip file with "
            "another program",
            id="line-41 backslash",
        ),
        pytest.param(
            lambda folder: (folder / "001.PNG").touch(),
            f"001.PNG and 001.png: {ALIKE}",
            id="line-47 case",
        ),
        pytest.param(
            lambda folder: [(folder / name).touch() for name in ("e\u0301.png", "\xe9.png")],
            f"e\u0301.png and \xe9.png: {ALIKE}",
            id="line-47 NFC and NFD",
        ),
        pytest.param(
            lambda folder: os.truncate(folder / "001.png", 2**40),
            "001.png: 1,099,511,627,776 bytes; expected at most 268,435,456",
            id="line-43 a file of 1 TB that takes no room",
        ),
    ],
)
def test_what_must_not_be_inside_is_named(folder, spoil, problem):
    spoil(folder)
    error = refused(folder)
    assert error.summary == "team: cannot be accepted as it is:"
    assert problem in error.problems


def test_sockets_are_no_files(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.png")
        assert refused(folder).problems == ("s.png: neither a file nor a folder",)


@pytest.mark.parametrize("most", [1, 2])
def test_files_and_folders_are_counted(folder, most):
    assert refused(folder, files=most).summary == (
        f"team: more than {most} files and folders; hand in the images alone"
    )
    with open_entries(folder, limits=Limits(files=3)) as entries:
        assert len(entries.names) == 2


def test_litter_is_not_looked_into(folder):
    for number in range(50):
        (folder / ".git" / f"{number}").mkdir(parents=True)
    (folder / ".git" / "l").symlink_to(folder)
    (folder / ".l").symlink_to(folder)
    with open_entries(folder, limits=Limits(files=5)) as entries:
        assert entries.names == ("001.png", "deep/002.png")
        assert entries.remarks == (".git, .l: passed over, left by a system or a tool",)


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "team" / "a" / "b").mkdir(parents=True)
    assert str(refused(tmp_path / "team")) == "team: no files in it; expected images"


def test_the_folder_itself_may_be_a_link(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    with open_entries(tmp_path / "link") as entries:
        assert entries.names == ("001.png", "deep/002.png")


def replaced_by_link(path):
    path.unlink()
    path.symlink_to(path.parent.parent / "secret.png")


def replaced_by_pipe(path):
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: path.unlink(), "cannot be read: No such file or directory"),
        (replaced_by_link, "cannot be read: Too many levels of symbolic links"),
        (replaced_by_pipe, "is no file any more; it changed while it was being scored"),
        (
            lambda path: path.write_bytes(b"four"),
            "is not of 3 bytes any more; it changed while it was being scored",
        ),
        (
            lambda path: path.write_bytes(b"22"),
            "is not of 3 bytes any more; it changed while it was being scored",
        ),
    ],
    ids=["gone", "link", "pipe", "longer", "shorter"],
)
def test_changes_since_it_was_opened_cost_the_file(folder, change, reason):
    with open_entries(folder) as entries:
        change(folder / "001.png")
        with pytest.raises(InputError) as caught:
            entries.read("001.png")
        assert str(caught.value) == reason
        assert entries.read("deep/002.png") == b"two"


@pytest.mark.parametrize(("place", "error"), [("team", EngineError), ("deep", SubmissionError)])
def test_folders_that_cannot_be_listed_are_told(folder, monkeypatch, place, error):
    scandir = os.scandir

    def failing(path):
        if str(path).rstrip("/").endswith(place):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(sys.modules["gpu_metrics.intake.folder"].os, "scandir", failing)
    with pytest.raises(error) as caught:
        open_entries(folder)
    assert f"{place}: cannot be read: Permission denied" in str(caught.value)
    assert "server" not in str(caught.value)
