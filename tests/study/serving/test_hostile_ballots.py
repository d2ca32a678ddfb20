"""What the server makes of bodies that are no ballots: a sentence, and nothing is kept."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.study.serving.test_hostile import (  # noqa: F401 - fixtures
    JSON,
    ada,
    address,
    ballot,
    nothing_is_kept,
    study,
)


def with_text(ballot, key, text):  # noqa: F811
    """The ballot as JSON, one value of which is written as `text`."""
    whole = json.dumps(ballot | {key: "HERE"})
    return whole.replace('"HERE"', text).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        *(("seconds", text) for text in ("NaN", "Infinity", "-Infinity", "1e999", "-1", '"1"')),
        *(("seconds", text) for text in ("null", "true", "[]", "1" * 5000, "1e", "0x10", "")),
        *(("screen", text) for text in ('"\\u0000"', "1", '"../../etc"', '"\\ud800"', '"\ud800"')),
        *(("screen", text) for text in ("null", '["a"]', '""')),
        *(("picks", text) for text in ("[]", '["a"]', "{}", "null", '"abc"', "[1, 2, 3]", "[[]]")),
        ("picks", '["a", "b", "c", "d"]'),
        ("picks", "[" * 30_000 + "]" * 30_000),
        ("picks", '{"a":' * 10_000 + "1" + "}" * 10_000),
        *(("ordered", text) for text in ("1", '"true"', "null", "[]")),
        *(("tags", text) for text in ('["beauty"]', '"scene balance"', "[null]", '["\\u0000"]')),
        ("tags", '["scene balance", "scene balance"]'),
        *(("comment", text) for text in ("1", "null", '"' + "a" * 2001 + '"', '"\\ud83d"', '"\n"')),
        ("comment", '"", "comment": ""'),
        ("comment", '"", "juror": "juror-2"'),
        ("comment", '"", "__proto__": {}'),
    ],
)
def test_what_is_no_ballot_is_refused(ada, ballot, key, text):  # noqa: F811
    answer = ada.post("/ballots", content=with_text(ballot, key, text), headers=JSON)
    assert answer.status_code == 400
    assert 0 < len(answer.json()["error"]) <= 300


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b"{", b"{}", b"\xff\xfe{\0}\0", b"\xef\xbb\xbf{}", b"\x00"),
        *(b"{}{}", b"[" * 65536, b'{"a":' * 10_000, b"\x1f\x8b\x08", b"screen=1", b"\xc0\xaf"),
    ],
)
def test_what_is_no_document_is_refused(ada, body):  # noqa: F811
    answer = ada.post("/ballots", content=body, headers=JSON)
    assert answer.status_code == 400 and answer.json()["error"].startswith("ballot")


def test_a_sentence_echoes_little_and_nothing_that_runs(ada):  # noqa: F811
    body = json.dumps({"<script>alert(1)</script>" * 1000: 1}).encode()
    answer = ada.post("/ballots", content=body, headers=JSON)
    assert answer.status_code == 400 and len(answer.content) < 400
    assert answer.headers["content-type"] == "application/json"


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.sampled_from(["screen", "picks", "ordered", "tags", "comment", "seconds"]), value=VALUES
)
def test_no_value_brings_the_server_down(ada, ballot, key, value):  # noqa: F811
    # one pick is foreign, so that no example is ever a ballot
    body = json.dumps(ballot | {"picks": ["x", *ballot["picks"][1:]]} | {key: value})
    assert ada.post("/ballots", content=body, headers=JSON).status_code == 400


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200))
def test_no_bytes_bring_the_server_down(ada, body):  # noqa: F811
    assert ada.post("/ballots", content=body, headers=JSON).status_code == 400
