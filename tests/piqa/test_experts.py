import json
from collections import Counter

import pytest

from gpu_metrics.errors import InputError, ReferenceSetError
from gpu_metrics.piqa.answers import read_answer
from gpu_metrics.piqa.experts import load_experts, load_ids

SOLUTION = "<thinking>Face Noise: less in A.</thinking><answer>A</answer>"


@pytest.fixture
def load(tmp_path):
    def loaded(*records):
        path = tmp_path / "experts.jsonl"
        path.write_text("\n".join(map(json.dumps, records)), "utf-8")
        return load_experts(path)

    return loaded


def test_the_sample_has_the_track_s_form(experts):
    loaded = load_experts(experts)

    kinds = Counter(e.category for e in loaded.experts.values())
    assert kinds == {"person": 15, "scene": 5}
    assert Counter(e.choice for e in loaded.experts.values()) == {"A": 12, "B": 8}
    for text in map(json.loads, experts.read_text("utf-8").splitlines()):
        assert not read_answer(text["solution"], strict=True).unreadable


def test_the_track_s_own_lines_are_read_as_they_are(load):
    images = ["data/1536/images/p_000_merged_c0.jpg", "data/1536/images/p_000_merged_c1.jpg"]
    scene = [path.replace("p_000", "s_011") for path in images]
    # some of its solutions end in a quotation mark
    stray = SOLUTION.replace(">A<", ">B<") + '"'
    loaded = load(
        {"images": images, "messages": [], "solution": SOLUTION},
        {"images": scene, "solution": stray},
    )

    assert [*loaded.experts] == ["p_000", "s_011"]
    assert [e.choice for e in loaded.experts.values()] == ["A", "B"]
    assert [e.category for e in loaded.experts.values()] == ["person", "scene"]


def test_a_category_may_be_left_out_and_ids_are_sorted(load):
    loaded = load({"id": "2", "solution": SOLUTION}, {"id": "1", "solution": SOLUTION})
    assert [*loaded.experts] == ["1", "2"]
    assert loaded.experts["1"].category is None


def test_the_hash_covers_everything_but_the_order(load):
    record = {"id": "1", "category": "x", "solution": SOLUTION}
    other = {"id": "2", "solution": SOLUTION}
    digest = load(record, other).sha256
    assert load(other, record).sha256 == digest
    for key, value in {
        "id": "3",
        "category": "y",
        "solution": SOLUTION.replace(">A<", ">B<"),
    }.items():
        assert load(record | {key: value}, other).sha256 != digest
    assert load(record | {"solution": SOLUTION.replace("less", "more")}, other).sha256 != digest


def test_every_fault_is_told_at_once(load, tmp_path):
    with pytest.raises(ReferenceSetError) as caught:
        load(
            {"id": "1", "solution": SOLUTION},
            {"id": "1", "solution": SOLUTION},
            {"id": "2", "solution": "<thinking>r</thinking>"},
            {"id": "3", "solution": "<thinking>?!</thinking><answer>A</answer>"},
            {"id": "4", "category": 5, "solution": SOLUTION},
            {"images": ["a.jpg"], "solution": SOLUTION},
            {"images": [], "solution": SOLUTION},
        )
    place = f"{tmp_path}/experts.jsonl, line"
    assert [p.removeprefix(place) for p in caught.value.problems] == [
        " 2: the id '1' comes twice",
        " 3: solution: expected <answer>A</answer> or <answer>B</answer> in it",
        " 4: solution: expected words between <thinking> and </thinking>",
        " 5: category: expected text in quotes, got 5",
        ' 6: images: expected names such as "p_000_merged_c0.jpg"; or give an id',
        ' 7: images: expected names such as "p_000_merged_c0.jpg"; or give an id',
    ]


def test_no_file_and_no_lines_are_told(tmp_path):
    with pytest.raises(ReferenceSetError, match="gone.jsonl: cannot be read"):
        load_experts(tmp_path / "gone.jsonl")
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(ReferenceSetError, match="no lines; expected one for each pair"):
        load_experts(tmp_path / "empty.jsonl")


def test_ids_stand_one_on_each_line(tmp_path):
    path = tmp_path / "ids.txt"
    path.write_bytes(b"\xef\xbb\xbfp_1\r\n\n p_2 \n")
    assert load_ids(path) == ["p_1", "p_2"]
    path.write_bytes(b"\n")
    with pytest.raises(InputError, match="no ids; expected one on each line"):
        load_ids(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match="not UTF-8 text"):
        load_ids(path)
    with pytest.raises(InputError, match="cannot be read"):
        load_ids(tmp_path)
