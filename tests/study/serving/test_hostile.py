"""What the server makes of strangers, forged requests and what is no request at all."""

import json
import socket
from contextlib import suppress

import httpx
import pytest

from gpu_metrics.study.manifest import BALLOTS
from gpu_metrics.study.serving.received import LARGEST_BALLOT
from gpu_metrics.study.store import BallotStore
from tests.study.serving.running import ballot_of, served, visitor
from tests.study.toy import toy_study

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / "toy"
    return folder, *toy_study(folder, size=(24, 32))


@pytest.fixture(scope="module")
def address(study):
    with served(study[0]) as place:
        yield place


@pytest.fixture(scope="module")
def ada(study, address):
    with visitor(address, study[2].jurors["juror-1"].invitation) as client:
        yield client


@pytest.fixture(scope="module")
def ballot(ada):
    return ballot_of(ada.get("/state").json()["screens"][0])


@pytest.fixture(autouse=True)
def nothing_is_kept(study):
    yield
    with BallotStore(study[0] / BALLOTS, study[1]) as store:
        assert store.all() == []


def raw(address, request, *, ended=False):
    """What the server answers to bytes, `ended` by a hangup; it is alive afterwards."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        answer = b""
        # the server may hang up in the midst of it
        with suppress(ConnectionError):
            connection.sendall(request)
            if ended:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                answer += part
    assert httpx.get(f"{address}/static/study.css", trust_env=False).status_code == 200
    return answer


def plain(answer):
    """All of an answer that a stranger can compare, the time aside."""
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    return answer.status_code, answer.content, headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/state"),
        ("GET", "/images/{token}.png"),
        ("GET", "/images/none.png"),
        ("GET", "/join/none"),
        ("GET", "/join/{hash}"),
        ("GET", "/progress/none"),
        ("GET", "/progress/{invitation}"),
        ("POST", "/ballots"),
    ],
)
def test_a_stranger_gets_one_answer(study, address, method, path):
    _, manifest, key = study
    places = {
        "token": manifest.seats["juror-1"].showings[0].order[0],
        "hash": manifest.seats["juror-1"].invitation_sha256,
        "invitation": key.jurors["juror-1"].invitation,
    }
    cookie = f"study-{manifest.sha256[:12]}"
    with visitor(address) as client:
        answers = [
            client.request(method, path.format(**places), headers=headers)
            for headers in (
                {},
                {"cookie": f"{cookie}={places['hash']}"},
                {"cookie": f"{cookie}={key.organiser}"},
                {"cookie": f"{cookie}=\xff; ;=;".encode("latin-1")},
                {"cookie": f"study={places['invitation']}"},
            )
        ]
    assert [plain(answer) for answer in answers] == [plain(answers[0])] * 5
    assert answers[0].status_code == 403
    assert "open the link of your invitation" in answers[0].text
    assert "set-cookie" not in answers[0].headers


def test_strangers_cannot_tell_what_is_there(study, address):
    token = study[1].seats["juror-1"].showings[0].order[0]
    with visitor(address) as client:
        there, nowhere = (client.get(f"/images/{name}.png") for name in (token, "0" * 32))
        assert plain(there) == plain(nowhere)
        longer, shorter = (client.get(f"/join/{name}") for name in ("0" * 64, "0"))
        assert plain(longer) == plain(shorter)


@pytest.mark.parametrize(
    "path",
    [
        *("/manifest.json", "/ballots.sqlite", "/images", "/images/", "/static/", "/state/"),
        *("/static/../manifest.json", "/images/../manifest.json", "/../../../etc/passwd"),
        *("/images/..%2fmanifest.json", "/static/..%2f..%2f..%2fpyproject.toml", "/%2e%2e/%2e%2e"),
        *("/images/%00.png", "/images/%ff.png", "/static/%00", "//", "/join/", "/join/a/b"),
        *("/static/juror.html", "/images/" + "a" * 5000 + ".png", "/\\..\\..", "/favicon.ico"),
    ],
)
def test_what_is_not_there_is_not_there_for_anybody(study, address, ada, path):
    cookie = f"study-{study[1].sha256[:12]}={study[2].jurors['juror-1'].invitation}"
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    answer = raw(address, f"{head}Cookie: {cookie}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"There is nothing here." in answer


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ["/", "/state", "/ballots", "/images/a.png", "/join/a"])
def test_other_methods_do_nothing(ada, method, path):
    assert ada.request(method, path).status_code == 405


def test_a_ballot_that_breaks_off_is_no_failure_of_the_server(study, address, caplog):
    cookie = f"study-{study[1].sha256[:12]}={study[2].jurors['juror-1'].invitation}"
    head = f"POST /ballots HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n"
    length = "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    raw(address, (head + length).encode(), ended=True)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": ""}, 415),
        (JSON | {"sec-fetch-site": "cross-site"}, 403),
        (JSON | {"sec-fetch-site": "same-site"}, 403),
        (JSON | {"sec-fetch-site": "none"}, 403),
        (JSON | {"origin": "http://evil.example"}, 403),
        (JSON | {"origin": "null"}, 403),
        (JSON | {"study-juror": "juror-2"}, 403),
    ],
)
def test_what_another_site_makes_a_browser_send_is_refused(ada, ballot, headers, status):
    answer = ada.post("/ballots", content=json.dumps(ballot), headers=headers)
    assert answer.status_code == status and "error" in answer.json()


def test_a_large_body_is_refused_before_it_is_read(ada):
    sent = 0

    def endless():
        nonlocal sent
        for _ in range(10_000):
            sent += LARGEST_BALLOT
            yield b" " * LARGEST_BALLOT

    try:
        answer = ada.post("/ballots", content=endless(), headers=JSON)
        assert answer.status_code == 413
    # the server hangs up while the rest is still coming
    except httpx.TransportError:
        pass
    assert sent < 10_000 * LARGEST_BALLOT / 10
    exact = ada.post("/ballots", content=b" " * LARGEST_BALLOT, headers=JSON)
    more = ada.post("/ballots", content=b" " * (LARGEST_BALLOT + 1), headers=JSON)
    assert (exact.status_code, more.status_code) == (400, 413)


@pytest.mark.parametrize(
    "request_",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /ballots HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"POST /ballots HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb: c\r\nbad header\r\n\r\n",
    ],
)
def test_what_is_no_request_does_not_stop_the_server(address, request_):
    answer = raw(address, request_, ended=True)
    assert answer.split(b" ")[1:2] in ([b"400"], [b"403"], [])
    assert b"Traceback" not in answer and b"uvicorn" not in answer.lower()


@pytest.mark.parametrize(
    "path", ["/", "/state", "/static/study.js", "/images/none.png", "/none", "/join/none"]
)
def test_every_answer_trusts_nothing_from_elsewhere(address, ada, path):
    with visitor(address) as stranger:
        answers = [ada.get(path), stranger.get(path), stranger.delete(path)]
    for answer in answers:
        policy = dict(
            rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; ")
        )
        style = policy.pop("style-src")
        assert style == "'self'" or style.startswith("'sha256-")
        assert policy == {
            **{"default-src": "'none'", "img-src": "'self'", "script-src": "'self'"},
            **{"connect-src": "'self'", "form-action": "'none'", "frame-ancestors": "'none'"},
            "base-uri": "'none'",
        }
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert not {"server", "etag", "last-modified", "access-control-allow-origin"} & {
            *answer.headers
        }
