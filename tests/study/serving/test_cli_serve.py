"""`gpu-metrics study serve`: where it listens, whom it warns, and how it ends."""

import shutil
import signal
import socket
import ssl
import subprocess
import sys

import httpx
import pytest

from gpu_metrics.study.manifest import BALLOTS
from gpu_metrics.study.store import BallotStore
from tests.engine.conftest import run_cli  # noqa: F401 - a fixture
from tests.study.serving.running import ballot_of, visitor
from tests.study.serving.test_kill import serving
from tests.study.toy import toy_study

HINT = "jurors come in by the links that `gpu-metrics study build` gave"
WARNING = "warning: others can read invitations and ballots on their way here"

# no file may grow beyond 48 KiB, as on a disk that has filled up
CROWDED = """
import resource, sys
from gpu_metrics.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (49152, 49152))
sys.argv = ["gpu-metrics", "study", "serve", sys.argv[1], "--port", "0"]
main()
"""


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "toy"
    return folder, *toy_study(folder, kinds=["vote"] * 40, size=(18, 18))


@pytest.fixture
def certified(tmp_path):
    """A certificate of this computer's own, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    files = tmp_path / "certificate.pem", tmp_path / "private.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        + ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-out", str(files[0]), "-keyout", str(files[1])],
        check=True,
        capture_output=True,
    )
    return files


@pytest.mark.parametrize(
    ("options", "warned"),
    [
        ([], False),
        (["--host", "localhost"], False),
        (["--host", "0.0.0.0"], True),
        (["--host", "0.0.0.0", "--behind-proxy"], False),
    ],
)
def test_it_says_where_and_warns_where_others_listen(study, options, warned):
    process, address = serving(study[0], *options)
    assert httpx.get(f"{address}/static/study.css", trust_env=False).status_code == 200
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert out == ""
    assert HINT in err and (WARNING in err) == warned and err.endswith("interrupted\n")
    assert process.returncode == 130


def test_it_ends_when_it_is_told_to_and_keeps_what_it_has(study):
    folder, manifest, key = study
    process, address = serving(folder)
    with visitor(address, key.jurors["juror-1"].invitation) as client:
        screen = client.get("/state").json()["screens"][0]
        assert client.post("/ballots", json=ballot_of(screen)).status_code == 201
        process.terminate()
        assert process.communicate(timeout=30)[1].count("\n") == 1
    assert process.returncode == -signal.SIGTERM
    assert not list(folder.glob(f"{BALLOTS}-*"))
    with BallotStore(folder / BALLOTS, manifest) as store:
        assert len(store.all()) == 1


def test_it_speaks_tls(study, certified):
    certificate, private_key = certified
    process, address = serving(
        study[0], "--certificate", str(certificate), "--private-key", str(private_key)
    )
    assert address.startswith("https://127.0.0.1:")
    trusting = ssl.create_default_context(cafile=certificate)
    with httpx.Client(base_url=address, verify=trusting, trust_env=False) as client:
        answer = client.get(f"/join/{study[2].jurors['juror-2'].invitation}")
        assert answer.status_code == 303 and "Secure" in answer.headers["set-cookie"]
        assert client.get("/state").json()["juror"] == "juror-2"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


def test_a_full_disk_is_answered_and_loses_nothing(study):
    folder, manifest, key = study
    process = subprocess.Popen(
        [sys.executable, "-c", CROWDED, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    address = process.stdout.readline().strip().rstrip("/")
    acknowledged, statuses = set(), []
    with visitor(address, key.jurors["juror-1"].invitation) as client:
        for screen in client.get("/state").json()["screens"]:
            ballot = ballot_of(screen, comment=1900 * "a")
            answer = client.post("/ballots", json=ballot)
            statuses.append(answer.status_code)
            if answer.status_code == 201:
                acknowledged.add(screen["screen"])
    process.kill()
    _, err = process.communicate()
    assert {*statuses} == {201, 503}
    assert answer.json()["error"].startswith("The server cannot do this now; every ballot that")
    assert f"{folder / BALLOTS}: nothing was added, all that is there is intact (" in err
    with BallotStore(folder / BALLOTS, manifest) as store:
        assert acknowledged <= {item.ballot.screen for item in store.all()}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--certificate", "a.pem"], "--certificate and --private-key: expected both or none"),
        (
            ["--certificate", "a.pem", "--private-key", "b.pem"],
            "--certificate a.pem, --private-key",
        ),
        (["--host", "192.0.2.1"], "192.0.2.1, port 8000: cannot be listened on"),
        (["--host", "no host"], "no host, port 8000: cannot be listened on"),
    ],
)
def test_what_cannot_be_listened_with_is_told(study, run_cli, options, said):  # noqa: F811
    outcome = run_cli("study", "serve", study[0], *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


def test_a_port_that_is_taken_is_told(study, run_cli):  # noqa: F811
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = run_cli("study", "serve", study[0], "--port", port)
    assert outcome.code == 2
    assert f"127.0.0.1, port {port}: cannot be listened on: Address already in use" in outcome.err


def test_what_is_no_study_is_told(tmp_path, run_cli):  # noqa: F811
    outcome = run_cli("study", "serve", tmp_path)
    assert outcome.code == 2 and "manifest.json: cannot be read" in outcome.err


def test_a_certificate_of_another_key_is_told(study, certified, run_cli, tmp_path):  # noqa: F811
    (tmp_path / "text.pem").write_text("no certificate")
    for files in ((tmp_path / "text.pem", certified[1]), (certified[1], certified[0])):
        options = ("--certificate", files[0], "--private-key", files[1])
        outcome = run_cli("study", "serve", study[0], *options)
        assert outcome.code == 2 and "expected two files in PEM that belong together" in outcome.err
