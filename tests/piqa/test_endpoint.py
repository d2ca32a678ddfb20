import json
import time

import pytest

from gpu_metrics.errors import InputError
from gpu_metrics.piqa.endpoint import Endpoint
from gpu_metrics.piqa.judge import Reasons, judge
from gpu_metrics.piqa.verdicts import Verdicts
from tests.piqa.conftest import PAIRS, RULES
from tests.piqa.stand_in import Reply, completion, score

# seconds after which these are given up
SHORT = {"hang": 0.5, "drip": 0.5}

PASSING = {
    "too many requests": Reply(429),
    "too many, wait": Reply(429, headers={"Retry-After": "0.01"}),
    "wait for a date": Reply(503, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}),
    "server error": Reply(500),
    "hang": Reply(hang=True),
    "drip": Reply(body=b"x" * 200, drip=True),
    "garbage": Reply(body=b"\xff\x00<html>"),
    "half a JSON": Reply(body=score(7).body[:40]),
    "another JSON": Reply(body=b"[]"),
    "no choices": Reply(body=b'{"choices": []}'),
    "too long": Reply(body=b" " * (2**20 + 1)),
    "too deep": Reply(body=b"[" * 100_000),
    "refusal": completion("I cannot judge this."),
    "no text": completion(None),
    "prose around": completion('Sure: {"score": 7}'),
    "fenced": completion('```json\n{"score": 7}\n```'),
    "off the scale": score(11),
    "below the scale": score(-1),
    "text for a number": completion('{"score": "7"}'),
    "half points": completion('{"score": 7.5}'),
    "true": completion('{"score": true}'),
    "more keys": completion('{"score": 7, "why": ""}'),
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_asked_again(ask, stand_in, fault):
    stand_in.reply = lambda q, n: PASSING[fault] if n == 1 else score(7)
    found = ask({"p_1": PAIRS["p_1"]}, concurrency=1, timeout=SHORT.get(fault, 10.0))
    assert found.scores == {"p_1": (7, 7)}
    assert (found.facts["calls"], found.facts["retries"]) == (3, 1)


@pytest.mark.parametrize("fault", PASSING)
def test_what_does_not_pass_is_never_a_number(ask, stand_in, fault):
    texts = {}

    def reply(asked, number):
        candidate = json.loads(asked["messages"][1]["content"])["candidate"]
        texts[number] = candidate
        return PASSING[fault] if candidate == PAIRS["p_1"].candidate else score(4)

    stand_in.reply = reply
    found = ask(tries=2, timeout=SHORT.get(fault, 10.0))
    assert found.scores == dict.fromkeys(["p_0", "p_2", "p_3"], (4, 4))
    assert [*found.failures] == ["p_1"]
    assert found.failures["p_1"].endswith(", in 2 tries")
    assert found.facts["failed"] == 2
    assert [*texts.values()].count(PAIRS["p_1"].candidate) == 4


def test_one_order_alone_is_no_verdict(ask, stand_in):
    def reply(asked, number):
        first = next(iter(json.loads(asked["messages"][1]["content"])))
        return score(9) if first == "expert" else completion("no")

    stand_in.reply = reply
    found = ask()
    assert found.scores == {}
    assert found.failures.keys() == PAIRS.keys()


@pytest.mark.parametrize("status", [400, 413, 302])
def test_what_never_passes_is_asked_once(ask, stand_in, status):
    stand_in.reply = lambda q, n: Reply(status)
    found = ask({"p_1": PAIRS["p_1"]})
    assert found.failures == {"p_1": f"the endpoint answered with status {status}"}
    assert found.facts["calls"] == 2


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_no_question_can_pass_ends_the_asking(ask, stand_in, status):
    stand_in.reply = lambda q, n: Reply(status)
    pairs = {f"{n}": Reasons(f"{n}", "x") for n in range(50)}
    found = ask(pairs, concurrency=1)
    assert found.failures.keys() == pairs.keys()
    assert found.failures["0"] == f"the endpoint answered with status {status}"
    assert found.failures["49"] == "not asked any more"
    # one thread may be a question ahead of who reads the answers
    assert found.facts["calls"] <= 5


def test_an_endpoint_that_is_down_ends_the_asking(stand_in, ask):
    stand_in.reply = lambda q, n: Reply(503)
    pairs = {f"{n}": Reasons(f"{n}", "x") for n in range(100)}
    found = ask(pairs, concurrency=2, tries=1)
    assert found.scores == {}
    assert found.facts["calls"] < 30


def test_nobody_at_the_address_is_told():
    endpoint = Endpoint("http://127.0.0.1:9/v1", "m", tries=1)
    with Verdicts(":memory:") as kept:
        found = judge({"p_1": PAIRS["p_1"]}, RULES, endpoint, verdicts=kept)
    assert found.failures == {"p_1": "the connection failed (ConnectError)"}


@pytest.mark.parametrize(
    ("headers", "least"),
    [({}, 0.1 + 0.2), ({"Retry-After": "0.4"}, 0.4 + 0.4)],
    ids=["grows", "told"],
)
def test_pauses_grow_and_are_as_long_as_the_server_asks(ask, stand_in, headers, least):
    stand_in.reply = lambda q, n: Reply(429, headers=headers) if n <= 2 else score(7)
    begin = time.perf_counter()
    found = ask({"p_1": PAIRS["p_1"]}, concurrency=1, pause=0.1, longest_pause=1.0)
    assert found.scores == {"p_1": (7, 7)}
    assert time.perf_counter() - begin >= least


def test_a_long_wait_that_is_asked_for_is_bounded(ask, stand_in):
    stand_in.reply = lambda q, n: (
        Reply(429, headers={"Retry-After": "3600"}) if n == 1 else score(7)
    )
    begin = time.perf_counter()
    assert ask({"p_1": PAIRS["p_1"]}).scores == {"p_1": (7, 7)}
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"url": "ftp://h/v1"}, "url: expected http"),
        ({"url": "localhost:8000"}, "url: expected http"),
        ({"url": "http://h:port/v1"}, "url: expected http"),
        ({"url": "http://[h/v1"}, "url: expected http"),
        ({"url": "http://user:word@h/v1"}, "url: expected no user"),
        ({"url": "http://h/v1?key=word"}, "url: expected no user"),
        ({"url": "ftp://user:word@h/v1"}, "url: expected http"),
        ({"key": "two words"}, "key: expected printable ASCII"),
        ({"tries": 0}, "tries must be at least 1"),
        ({"timeout": 0.0}, "timeout more than 0"),
    ],
)
def test_endpoints_have_a_form(given, reason):
    with pytest.raises(InputError, match=reason) as caught:
        Endpoint(**{"url": "http://h/v1", "model": "m"} | given)
    assert "word" not in str(caught.value).replace("password", "")


def test_an_address_that_only_the_client_refuses_is_wrong_use():
    with pytest.raises(InputError, match="url: "), Verdicts(":memory:") as kept:
        judge(PAIRS, RULES, Endpoint("http://a\x00b/v1", "m"), verdicts=kept)
