"""`gpu-metrics study serve` as a process: it is killed at any moment and loses nothing."""

import json
import random
import signal
import sqlite3
import subprocess
import threading
import time
from contextlib import closing

import httpx

from gpu_metrics.study.ballots import Ballot
from gpu_metrics.study.manifest import BALLOTS
from gpu_metrics.study.store import BallotStore
from tests.commands import GPU_METRICS
from tests.study.serving.running import ballot_of, visitor
from tests.study.toy import toy_study

JURORS = ("Ada", "Ben", "Cleo", "Dan")
ROUNDS = 5


def serving(folder, *options, port=0):
    """A process that serves, and its address."""
    process = subprocess.Popen(
        [*GPU_METRICS, "study", "serve", str(folder), "--port", str(port), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process, process.stdout.readline().strip().rstrip("/")


def vote(address, invitation, sent, acknowledged, busy):
    """Cast a ballot after another until the server is gone."""
    try:
        with visitor(address, invitation) as client:
            state = client.get("/state").json()
            for screen in state["screens"]:
                if not screen["cast"]:
                    place = state["juror"], screen["screen"]
                    sent[place] = ballot_of(screen, comment=60 * "gr\u00fcn ")
                    busy.set()
                    assert client.post("/ballots", json=sent[place]).status_code == 201
                    acknowledged.add(place)
    except httpx.TransportError:
        return


def test_no_acknowledged_ballot_is_lost_when_the_server_is_killed(tmp_path):
    folder = tmp_path / "toy"
    manifest, key = toy_study(folder, kinds=["vote"] * 120, jurors=JURORS, size=(18, 18))
    choose = random.Random(0)
    sent, acknowledged, lost = {}, set(), 0
    for _ in range(ROUNDS):
        process, address = serving(folder)
        busy = threading.Event()
        threads = [
            threading.Thread(
                target=vote, args=(address, juror.invitation, sent, acknowledged, busy)
            )
            for juror in key.jurors.values()
        ]
        for thread in threads:
            thread.start()
        assert busy.wait(60)
        time.sleep(choose.uniform(0, 0.4))
        process.kill()
        for thread in threads:
            thread.join()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        with BallotStore(folder / BALLOTS, manifest) as store:
            kept = {(item.juror, item.ballot.screen): item.ballot for item in store.all()}
        assert acknowledged <= kept.keys() <= sent.keys()
        # whole, as it was sent
        assert all(kept[place] == Ballot.parse(json.dumps(sent[place]), where="") for place in kept)
        lost += len(sent.keys() - acknowledged)
    assert acknowledged and lost, "no ballot was under way: the test proves nothing"
    with closing(sqlite3.connect(folder / BALLOTS)) as rows:
        assert rows.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    check_that_all_may_be_sent_again(folder, key, sent, kept)


def check_that_all_may_be_sent_again(folder, key, sent, kept):
    process, address = serving(folder)
    for id_, juror in key.jurors.items():
        with visitor(address, juror.invitation) as client:
            for place in (place for place in sent if place[0] == id_):
                answer = client.post("/ballots", json=sent[place])
                assert answer.status_code == (200 if place in kept else 201)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[1].endswith("interrupted\n")
    assert process.returncode == 130
