import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_metrics.intake.readme import parse_readme

FORM = """runtime per image [s] : 7.17
CPU[1] / GPU[0] : 0
Extra Data [1] / No Extra Data [0] : 0
Other description : Two stages, the second only inside the person.
"""


def test_the_form_is_read():
    assert parse_readme(FORM.encode()) == {
        "runtime_per_image": "7.17",
        "device": "gpu",
        "extra_data": "no",
        "description": "Two stages, the second only inside the person.",
    }


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("runtime per image[s]:7.17", {"runtime_per_image": "7.17"}),
        ("Runtime Per Image (seconds) = about 7", {"runtime_per_image": "about 7"}),
        ("  run-time\t: 0.5s", {"runtime_per_image": "0.5s"}),
        ("CPU[1]/GPU[0]:1", {"device": "cpu"}),
        ("CPU[0] / GPU[1] : 0", {"device": "cpu"}),
        ("GPU[1] / CPU[0] : 1", {"device": "gpu"}),
        ("CPU [ 1 ] / GPU [ 0 ] : [0]", {"device": "gpu"}),
        ("CPU[1] / GPU[0] : GPU", {"device": "gpu"}),
        ("CPU[1] / GPU[0] : one A100", {"device": "one A100"}),
        ("CPU/GPU : 0", {"device": "gpu"}),
        ("Extra Data [1] / No Extra Data [0] : 1", {"extra_data": "yes"}),
        ("Extra Data[0]/No Extra Data[1]:1", {"extra_data": "no"}),
        ("No Extra Data [1] / Extra Data [0] : 0", {"extra_data": "yes"}),
        ("extra data : FFHQ", {"extra_data": "FFHQ"}),
        ("Other description : see https://a.b/c", {"description": "see https://a.b/c"}),
        ("description\uff1a\u4e24\u9636\u6bb5", {"description": "\u4e24\u9636\u6bb5"}),
        ("Team: five\n\nOther description : x\nand y", {"description": "Team: five x and y"}),
        ("runtime : 1\nruntime : 2", {"runtime_per_image": "1", "description": "runtime : 2"}),
        ("CPU[1] / GPU[0] :", {"device": ""}),
        ("nothing of the kind", {"description": "nothing of the kind"}),
        ("", {}),
        ("description : \x1b[2J", {"description": "\\x1b[2J"}),
    ],
)
def test_lines_are_read_as_teams_write_them(line, found):
    assert parse_readme(line.encode()) == found


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_encodings_of_editors_are_read(encoding):
    text = FORM if encoding != "utf-16-be" else f"\ufeff{FORM}"
    assert parse_readme(text.encode(encoding)) == parse_readme(FORM.encode())


def test_long_texts_are_cut():
    assert len(parse_readme(b"description : " + b"x" * 9999)["description"]) == 2000


@given(st.binary() | st.text().map(str.encode))
def test_nothing_is_an_error(data):
    for key, value in parse_readme(data).items():
        assert key in ("runtime_per_image", "device", "extra_data", "description")
        assert value.isprintable()
