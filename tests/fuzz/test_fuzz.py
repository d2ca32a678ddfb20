"""A bounded run over damaged files, and proof that the run would notice a fault."""

import re
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from gpu_metrics.errors import InputError, SubmissionError
from gpu_metrics.intake.entries import Entries
from tests.fuzz import __main__ as fuzz
from tests.fuzz import archives, jpegs, oracle, pngs
from tests.fuzz.oracle import Wrong, judge_archive, judge_image
from tests.fuzz.witness import Witness


@pytest.fixture(scope="module")
def witness():
    with closing(Witness()) as asked:
        yield asked


def test_mutants_are_refused_or_read_right():
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--mutants", "400", "--seed", "7"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    line = r"(\w+): 400 mutants, (\d+) refused, (\d+) equal, 0 wrong\n"
    counts = {kind: (int(r), int(e)) for kind, r, e in re.findall(line, done.stdout)}
    assert list(counts) == ["png", "jpeg", "zip"]
    # both happen often, or the mutants would prove little
    assert min(map(min, counts.values())) > 80


def test_a_mutant_can_be_made_again():
    for kind in (pngs, jpegs, archives):
        made = [kind.mutant(Random(f"0 {number}")) for number in range(50)]
        assert made == [kind.mutant(Random(f"0 {number}")) for number in range(50)]
        assert len(set(made)) > 40


@pytest.mark.parametrize("files", [pngs, jpegs], ids=["png", "jpeg"])
def test_pixels_that_are_not_those_of_others_are_found(files, witness, monkeypatch):
    def off_by_one(*arguments, **options):
        decoded = decode(*arguments, **options)
        pixels = decoded.pixels.copy()
        pixels[-1, -1, 0] ^= 1
        return replace(decoded, pixels=pixels)

    whole, decode = files.WHOLE[0], oracle.decode
    assert judge_image(whole, files.SIZE, witness) == "equal"
    monkeypatch.setattr(oracle, "decode", off_by_one)
    with pytest.raises(Wrong, match="official: accepted, but opencv gives other pixels"):
        judge_image(whole, files.SIZE, witness)


def test_files_that_nobody_else_decodes_are_found(witness, monkeypatch):
    decoded = oracle.decode(pngs.WHOLE[0], policy=oracle.Policy("strict"))
    monkeypatch.setattr(oracle, "decode", lambda *arguments, **options: decoded)
    with pytest.raises(Wrong, match="official: accepted, but opencv gives no pixels"):
        judge_image(b"no image", pngs.SIZE, witness)


@pytest.mark.parametrize("words", ["", "a\x1b[2J.png: empty file"])
def test_words_that_cannot_be_printed_are_found(witness, monkeypatch, words):
    def refuse(*arguments, **options):
        raise InputError(words)

    monkeypatch.setattr(oracle, "decode", refuse)
    with pytest.raises(Wrong, match="says what cannot be printed"):
        judge_image(b"", pngs.SIZE, witness)


@pytest.mark.parametrize("name", ["team/001.png", "team/002.png"])
@pytest.mark.parametrize("whole", archives.WHOLE)
def test_bytes_that_are_not_those_of_the_member_are_found(tmp_path, monkeypatch, whole, name):
    assert judge_archive(whole, tmp_path / "a.zip") == "equal"
    content = archives.CONTENT[name]
    for other in (content[:-1], content + b"\0", content[:-1] + b"\0"):
        monkeypatch.setattr(Entries, "read", lambda self, name, other=other: other)
        with pytest.raises(Wrong, match="no member of that name holds these|no checksum in"):
            judge_archive(whole, tmp_path / "a.zip")


def test_paths_of_a_server_are_found(tmp_path, monkeypatch):
    def refuse(place):
        raise SubmissionError(f"{place}: cannot be read")

    monkeypatch.setattr(oracle, "open_entries", refuse)
    with pytest.raises(Wrong, match="tells a path"):
        judge_archive(b"", tmp_path / "a.zip")


def test_what_never_ends_or_fails_is_wrong_and_told(monkeypatch, capsys):
    def endless(random):
        while True:
            pass

    monkeypatch.setattr(fuzz, "SECONDS", 1)
    assert fuzz._tried(endless, "0 png 1") == "wrong"
    assert fuzz._tried(lambda random: [][0], "0 png 2") == "wrong"
    assert capsys.readouterr().out.splitlines() == [
        "0 png 1: Hanging: took more than 1 s",
        "0 png 2: IndexError: list index out of range",
    ]
