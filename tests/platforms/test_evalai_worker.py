import io
import json
import zipfile

import pytest

from gpu_metrics.engine import Scorer
from gpu_metrics.errors import EngineError, InputError
from gpu_metrics.platforms.evalai_worker import Challenge, Track, attend, serve
from gpu_metrics.platforms.numbers import numbers
from tests.platforms.evalai_server import CHALLENGE, QUEUE, TOKEN, serving

PHASE = 7


@pytest.fixture
def server():
    with serving() as state:
        yield state


@pytest.fixture
def challenge(server):
    return Challenge(server.address, TOKEN, QUEUE, CHALLENGE, patience=5.0, most_bytes=10**6)


@pytest.fixture(scope="module")
def tracks(gallery, plain):
    return {PHASE: Track(Scorer(plain, gallery.reference), "test_split")}


def packed(*files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in files:
            archive.write(path, path.name)
    return content.getvalue()


@pytest.fixture
def good(gallery):
    return packed(*gallery.submission.iterdir())


def test_a_submission_is_scored_and_reported(server, challenge, tracks, good, gallery, plain):
    server.submit(1, PHASE, good)
    told = []
    assert attend(challenge, tracks, say=told.append)

    expected = numbers(tracks[PHASE].scorer.score(gallery.submission), plain)
    (first, running), (second, report) = server.reports
    assert (first, running) == ("PATCH", {"submission": "1", "submission_status": "RUNNING"})
    assert second == "PUT"
    assert json.loads(report.pop("result")) == [
        {"split": "test_split", "show_to_participant": True, "accuracies": expected}
    ]
    assert report == {
        "challenge_phase": "7",
        "submission": "1",
        "submission_status": "FINISHED",
        **{"stdout": "", "stderr": "", "metadata": ""},
    }
    assert server.queue == []
    assert told == [f"submission 1: total {expected['total']:g}"]


def test_a_bad_submission_fails_with_every_fault(server, challenge, tracks, gallery):
    server.submit(2, PHASE, packed(gallery.submission / "001.png"))
    assert attend(challenge, tracks)
    report = server.reports[-1][1]
    assert report["submission_status"] == "FAILED"
    assert report["stderr"].splitlines()[1:] == [f"  00{n}: missing" for n in range(2, 7)]
    assert "result" not in report
    assert server.queue == []


def test_what_is_no_zip_file_or_too_large_fails(server, challenge, tracks):
    server.submit(3, PHASE, b"<!doctype html>")
    server.submit(4, PHASE, bytes(10**6 + 1))
    serve(challenge, tracks, rounds=2)
    reasons = [report["stderr"] for _, report in server.reports if "stderr" in report]
    assert "expected a folder of images or a zip file" in reasons[0]
    assert reasons[1] == "the file has more than 1,000,000 bytes; hand in less"


def test_an_empty_queue_is_told(challenge, tracks):
    assert not attend(challenge, tracks)


@pytest.mark.parametrize("status", ["finished", "failed", "cancelled"])
def test_submissions_that_are_done_leave_the_queue(server, challenge, tracks, good, status):
    server.submit(5, PHASE, good)
    server.submissions[5]["status"] = status
    assert attend(challenge, tracks)
    assert (server.queue, server.reports) == ([], [])


def test_a_submission_that_a_dead_worker_left_is_scored(server, challenge, tracks, good):
    server.submit(6, PHASE, good)
    server.submissions[6]["status"] = "running"
    assert attend(challenge, tracks)
    assert server.reports[-1][1]["submission_status"] == "FINISHED"


def test_other_phases_are_left_to_others(server, challenge, tracks, good):
    server.submit(8, PHASE + 1, good)
    told = []
    assert not attend(challenge, tracks, say=told.append)
    assert (len(server.queue), server.reports) == (1, [])
    assert told == ["submission 8 is of phase 8, which is not served here"]


def test_a_failing_engine_keeps_the_submission_in_the_queue(
    server, challenge, tracks, good, monkeypatch
):
    def fail(*arguments, **options):
        raise EngineError("GPU is lost")

    told = []
    server.submit(9, PHASE, good)
    with monkeypatch.context() as patched:
        patched.setattr(Scorer, "score", fail)
        serve(challenge, tracks, rounds=2, wait=0.0, say=told.append)
    assert told == ["GPU is lost; the submission stays in the queue"] * 2
    assert len(server.queue) == 1
    serve(challenge, tracks, rounds=1)
    assert server.reports[-1][1]["submission_status"] == "FINISHED"


def test_several_submissions_are_scored_in_their_order(server, challenge, tracks, good):
    for number in (11, 12, 13):
        server.submit(number, PHASE, good)
    serve(challenge, tracks, rounds=4, wait=0.0)
    done = [r["submission"] for _, r in server.reports if r["submission_status"] == "FINISHED"]
    assert done == ["11", "12", "13"]


def test_the_token_goes_to_the_server_and_nowhere_else(server, challenge, tracks, good):
    server.submit(14, PHASE, good)
    attend(challenge, tracks)
    tokens = server.tokens
    assert tokens.pop("/media/14.zip") is None
    assert set(tokens.values()) == {f"Bearer {TOKEN}"}


def test_the_token_does_not_follow_a_redirection_elsewhere(server, challenge, tracks):
    path = f"/api/jobs/challenge/queues/{QUEUE}/"
    with serving() as stranger:
        server.faults[path] = (302, {"Location": f"{stranger.address}{path}"}, b"")
        with pytest.raises(EngineError, match="answered with 302"):
            attend(challenge, tracks)
        assert stranger.tokens == {}


def test_redirections_on_the_same_server_are_followed(server, challenge):
    path = f"/api/jobs/challenge/queues/{QUEUE}/"
    server.faults[path] = (302, {"Location": "/elsewhere"}, b"")
    server.files["/elsewhere"] = b'{"body": null}'
    assert challenge.message() is None
    assert server.tokens["/elsewhere"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("path", "fault", "message"),
    [
        (f"/api/jobs/challenge/queues/{QUEUE}/", (401, {}, b"bad token"), "with 401: bad token"),
        (f"/api/jobs/challenge/queues/{QUEUE}/", (200, {}, b"<html>"), "no usable answer"),
        (f"/api/jobs/challenge/queues/{QUEUE}/", (200, {}, b"[]"), r"expected an object, got \[\]"),
        ("/api/jobs/submission/15", (200, {}, b"{}"), "incomplete: KeyError"),
        ("/media/15.zip", (404, {}, b""), "the submission cannot be downloaded: .*404"),
    ],
)
def test_a_server_that_misbehaves_is_the_engines_fault(
    server, challenge, tracks, good, path, fault, message
):
    server.submit(15, PHASE, good)
    server.faults[path] = fault
    with pytest.raises(EngineError, match=message):
        attend(challenge, tracks)
    assert len(server.queue) == 1


def test_a_server_that_is_not_there_is_told():
    challenge = Challenge("http://127.0.0.1:9", TOKEN, QUEUE, CHALLENGE, patience=1.0)
    with pytest.raises(EngineError, match=f"GET /api/.*{QUEUE}/: no usable answer"):
        challenge.message()


def test_files_of_this_machine_are_not_read(server, challenge, tracks, good):
    server.submit(16, PHASE, good)
    server.submissions[16]["input_file"] = "file:///etc/passwd"
    with pytest.raises(EngineError, match="no address of the web"):
        attend(challenge, tracks)


@pytest.mark.parametrize("address", ["http://eval.ai", "eval.ai", "ftp://eval.ai", ""])
def test_a_token_is_never_sent_in_the_clear(address):
    with pytest.raises(InputError, match="server: expected an address with https://"):
        Challenge(address, TOKEN, QUEUE, CHALLENGE)


def test_the_verb_serves_phases(server, gallery, good, run_cli, monkeypatch):
    monkeypatch.setenv("EVALAI_AUTH_TOKEN", TOKEN)
    server.submit(17, PHASE, good)
    arguments = [
        *("evalai", "worker", "--server", server.address, "--queue", QUEUE),
        *("--challenge", CHALLENGE, "--rounds", 1, "--profile", "infrared-sr2026"),
    ]
    phase = ["--phase", f"{PHASE}, test_split, {gallery.reference}"]
    outcome = run_cli(*arguments, *phase)
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.startswith("submission 17: total ")
    assert server.reports[-1][1]["submission_status"] == "FINISHED"

    outcome = run_cli(*arguments, "--phase", "seven,test,here")
    assert outcome.code == 2
    assert "--phase: expected NUMBER,SPLIT,REFERENCE" in outcome.err
    monkeypatch.delenv("EVALAI_AUTH_TOKEN")
    outcome = run_cli(*arguments, *phase)
    assert "EVALAI_AUTH_TOKEN: expected the hosts' token" in " ".join(outcome.err.split())
