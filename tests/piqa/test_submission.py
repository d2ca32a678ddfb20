import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_metrics.errors import SubmissionError
from gpu_metrics.piqa.lines import MOST_CHARACTERS, json_lines
from gpu_metrics.piqa.submission import load_responses

IDS = ["p_1", "p_2"]


def line(id_, response="x"):
    return json.dumps({"id": id_, "response": response})


@pytest.fixture
def load(tmp_path):
    """Load a file of these lines, written somewhere that messages must not tell."""

    def loaded(*lines, expected=IDS):
        path = tmp_path / "answers.jsonl"
        text = "\n".join(part if isinstance(part, str) else "" for part in lines)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        return load_responses(path, expected)

    return loaded


def problems(caught):
    return caught.value.problems


def test_a_file_a_folder_a_zip_and_a_mapping_are_one(tmp_path, answers, responses):
    folder = tmp_path / "hand-in"
    (folder / "part").mkdir(parents=True)
    lines = answers.read_text("utf-8").splitlines(keepends=True)
    (folder / "part" / "one.jsonl").write_text("".join(lines[:7]), "utf-8")
    (folder / "two.JSONL").write_text("".join(lines[7:]), "utf-8")
    (folder / "notes.md").write_text("nothing", "utf-8")
    archive = tmp_path / "hand-in.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*.*")):
            file.write(path, path.relative_to(folder))

    read = [load_responses(s, responses) for s in (answers, str(answers), folder, archive)]
    read.append(load_responses(dict(reversed(responses.items())), responses))

    assert [r.texts == responses for r in read] == [True] * 5
    assert len({r.sha256 for r in read}) == 1
    assert read[0].places["p_208"] == "answers.jsonl, line 8"
    assert read[2].places["p_208"] == read[3].places["p_208"] == "two.JSONL, line 1"
    assert read[2].remarks == read[3].remarks == ("notes.md: passed over, not .jsonl by its name",)


def test_the_digest_moves_with_every_letter(responses):
    changed = responses | {"p_201": responses["p_201"] + " "}
    renamed = dict(zip(responses, reversed(responses.values()), strict=True))
    texts = [responses, changed, renamed]
    assert len({load_responses(text, text).sha256 for text in texts}) == 3


def test_every_fault_is_told_at_once(load):
    with pytest.raises(SubmissionError) as caught:
        load(line("p_1"), "{", line("p_3"), line("p_1", "y"), '["p_2"]', '{"id": "p_2"}')

    assert str(caught.value).startswith("the answers do not match the set (1 of 2 found):")
    assert problems(caught) == (
        "answers.jsonl, line 2: expected a JSON object: Expecting property name enclosed in "
        "double quotes: line 1 column 2 (char 1)",
        "answers.jsonl, line 4: p_1 is answered in answers.jsonl, line 1, too",
        "answers.jsonl, line 5: expected a JSON object, got ['p_2']",
        "answers.jsonl, line 6: expected the key 'response', got id",
        "p_2: missing; did you mean 'p_3'?",
        "p_3: no pair of the set is called so",
    )


FAULTS = {
    "id is a number": ('{"id": 1, "response": ""}', "id: expected text in quotes, got 1"),
    "id is empty": (line(""), "id: expected text, got nothing"),
    "response is null": ('{"id": "p_2", "response": null}', "response: expected text in quotes"),
    "twin keys": ('{"id": "p_2", "response": "", "id": "p_2"}', "a key comes twice"),
    "surrogate": ('{"id": "p_2", "response": "\\ud800"}', "half of a surrogate pair"),
    "raw surrogate": ('{"id": "p_2", "response": "\ud800"}', "expected UTF-8"),
    "too deep": ("[" * 100_000, "nested too deeply"),
    "too long": (line("p_2", "x" * MOST_CHARACTERS), "expected at most 200,000 in a line"),
    "long number": ('{"id": ' + "9" * 10_000 + "}", "expected a JSON object: Exceeds the limit"),
    "escapes": (line("p_2\x1b[2J\n", 7), "response: expected text in quotes, got 7"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_line_is_told_with_its_number(load, fault):
    text, reason = FAULTS[fault]

    with pytest.raises(SubmissionError) as caught:
        load(line("p_1"), text)

    found, missing = problems(caught)
    assert found.startswith("answers.jsonl, line 2: ")
    assert reason in found
    assert missing == "p_2: missing"
    assert found.isprintable()


def test_marks_blank_lines_and_other_keys_do_no_harm(load):
    read = load(
        '\ufeff{"id": "p_1", "response": "a\u2028b", "model": "x", "images": []}\r',
        None,
        "  \t",
        line("p_2"),
    )
    assert read.texts == {"p_1": "a\u2028b", "p_2": "x"}
    assert read.places["p_2"] == "answers.jsonl, line 4"


def test_a_mapping_is_checked_as_a_file_is():
    with pytest.raises(SubmissionError) as caught:
        load_responses({"p_1": "\udfff", "p_2": "x"}, IDS)
    assert problems(caught)[0].startswith("the answers: response: half of a surrogate")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("gone.jsonl", None, "gone.jsonl: expected a file or folder of JSON lines, got nothing"),
        ("image.zip", b"PK\x03\x04", "image.zip"),
        ("image.jsonl", b"\x89PNG\r\n\x1a\n", "the answers do not match the set (0 of 2"),
        ("empty.jsonl", b"", "the answers do not match the set (0 of 2"),
    ],
)
def test_what_is_no_file_of_answers_is_refused(tmp_path, name, content, reason):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SubmissionError) as caught:
        load_responses(path, IDS)
    assert reason in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_an_archive_without_answers_says_what_it_expects(tmp_path):
    archive = tmp_path / "images.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.png", b"")
    with pytest.raises(SubmissionError) as caught:
        load_responses(archive, IDS)
    assert problems(caught)[0] == "no file of answers; expected one that ends in .jsonl"


def test_a_damaged_member_is_told(tmp_path):
    archive = tmp_path / "answers.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.jsonl", line("p_1"))
    data = bytearray(archive.read_bytes())
    data[data.index(b"p_1")] ^= 1
    archive.write_bytes(data)
    with pytest.raises(SubmissionError) as caught:
        load_responses(archive, IDS)
    assert problems(caught)[0].startswith("a.jsonl: damaged inside the zip file")


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_bytes_break_the_lines(data):
    places = [place for place, _ in json_lines(data, "f")]
    assert len(places) == len(set(places))


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=5))
def test_every_text_comes_back(texts):
    lines = [json.dumps({"id": i, "response": t}, ensure_ascii=False) for i, t in texts.items()]
    records = [record for _, record in json_lines("\n".join(lines).encode(), "f")]
    assert {record["id"]: record["response"] for record in records} == texts
