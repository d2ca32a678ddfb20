"""What jurors and organisers can do over HTTP."""

import logging
import threading

import pytest

from gpu_metrics.errors import EngineError, InputError
from gpu_metrics.study.manifest import BALLOTS
from gpu_metrics.study.serving.server import application
from gpu_metrics.study.store import BallotStore
from tests.study.serving.running import ballot_of, served, visitor
from tests.study.toy import toy_study


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "toy"
    return folder, *toy_study(folder, size=(24, 32), ties={"Ben": ["north"]})


@pytest.fixture
def address(study):
    with served(study[0]) as place:
        yield place


@pytest.fixture
def ada(study, address):
    with visitor(address, study[2].jurors["juror-1"].invitation) as client:
        yield client


def test_a_link_lets_in_and_leads_to_the_page(study, address):
    invitation = study[2].jurors["juror-1"].invitation
    with visitor(address) as client:
        answer = client.get(f"/join/{invitation}")
        assert answer.status_code == 303
        assert answer.next_request.url == f"{address}/"
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"study-{study[1].sha256[:12]}={invitation};")
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie
        page = client.send(answer.next_request)
        assert page.status_code == 200 and study[1].title in page.text


def test_a_cookie_is_kept_to_tls_behind_a_proxy_that_speaks_it(study):
    invitation = study[2].jurors["juror-1"].invitation
    forwarded = {"x-forwarded-proto": "https"}
    for behind_proxy in (True, False):
        with served(study[0], behind_proxy=behind_proxy) as place, visitor(place) as client:
            answer = client.get(f"/join/{invitation}", headers=forwarded)
            assert ("Secure" in answer.headers["set-cookie"]) == behind_proxy


def test_the_state_is_what_a_juror_may_know(study, ada):
    _, manifest, _ = study
    known = ada.get("/state").json()
    assert {key: known[key] for key in known if key != "screens"} == {
        "title": "A toy study",
        "study": manifest.sha256[:12],
        "juror": "juror-1",
        "best": 3,
        "dimensions": list(manifest.rules.dimensions),
    }
    showings = manifest.seats["juror-1"].showings
    assert [screen["screen"] for screen in known["screens"]] == [s.screen for s in showings]
    assert [screen["order"] for screen in known["screens"]] == [[*s.order] for s in showings]
    assert [screen["practice"] for screen in known["screens"]] == [True, False, False, False]
    assert not any(screen["cast"] for screen in known["screens"])
    first = manifest.screens[showings[0].screen]
    assert known["screens"][0] | {"order": [], "screen": ""} == {
        **{"screen": "", "practice": True, "width": 32, "height": 24},
        **{"input": first.input, "order": [], "cast": False},
    }


def test_images_come_as_they_were_built(study, ada):
    folder, manifest, _ = study
    for screen in ada.get("/state").json()["screens"]:
        for token in (screen["input"], *screen["order"]):
            answer = ada.get(f"/images/{token}.png")
            assert answer.content == (folder / "images" / f"{token}.png").read_bytes()
            assert answer.headers["content-type"] == "image/png"
            assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"


def test_images_of_others_and_of_nobody_are_the_same_nothing(study, address, ada):
    _, manifest, key = study
    own = {t for s in manifest.seats["juror-2"].showings for t in s.order}
    theirs = next(t for t, team in key.teams.items() if team == "north")
    assert theirs not in own
    with visitor(address, key.jurors["juror-2"].invitation) as ben:
        answers = [
            ben.get(f"/images/{token}.png")
            for token in (theirs, "0" * 32, "..%2Fmanifest", "a/../b", "%00", "\u00e9")
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.content for answer in answers[:3]}) == 1
        assert ben.get("/images/../manifest.json").status_code == 404
    assert ada.get(f"/images/{theirs}.png").status_code == 200


def test_ballots_are_kept_and_shown_as_cast(study, ada):
    screens = ada.get("/state").json()["screens"]
    # in any order
    for screen in (screens[2], screens[0]):
        answer = ada.post("/ballots", json=ballot_of(screen, comment="gr\u00fcn \U0001f600"))
        assert (answer.status_code, answer.json()) == (201, {"new": True})
    assert [s["cast"] for s in ada.get("/state").json()["screens"]] == [True, False, True, False]
    with BallotStore(study[0] / BALLOTS, study[1]) as store:
        kept = store.of("juror-1")
    assert [item.ballot.screen for item in kept] == [screens[2]["screen"], screens[0]["screen"]]
    assert kept[0].ballot.picks == tuple(screens[2]["order"][:3])
    assert kept[0].ballot.comment == "gr\u00fcn \U0001f600"


def test_a_screen_is_voted_once_but_may_be_sent_again(ada):
    screen = ada.get("/state").json()["screens"][1]
    ballot = ballot_of(screen)
    assert [ada.post("/ballots", json=ballot).status_code for _ in range(3)] == [201, 200, 200]
    other = ada.post("/ballots", json=ballot | {"picks": screen["order"][1:4]})
    assert other.status_code == 409
    assert other.json() == {"error": "you have cast another ballot on this screen"}


def test_of_ballots_at_once_one_wins(study, address):
    invitation = study[2].jurors["juror-1"].invitation
    told = []

    def vote(seconds):
        with visitor(address, invitation) as client:
            for screen in client.get("/state").json()["screens"]:
                barrier.wait()
                answer = client.post("/ballots", json=ballot_of(screen, seconds=seconds))
                told.append((screen["screen"], answer.status_code))

    barrier = threading.Barrier(4)
    threads = [threading.Thread(target=vote, args=(float(i),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    by_screen = {screen: sorted(s for n, s in told if n == screen) for screen, _ in told}
    assert [*by_screen.values()] == [[201, 409, 409, 409]] * 4


def test_ballots_outlive_the_server(study):
    folder, _, key = study
    invitation = key.jurors["juror-1"].invitation
    with served(folder) as place, visitor(place, invitation) as client:
        screen = client.get("/state").json()["screens"][0]
        assert client.post("/ballots", json=ballot_of(screen)).status_code == 201
    with served(folder) as place, visitor(place, invitation) as client:
        assert client.get("/state").json()["screens"][0]["cast"]
        assert client.post("/ballots", json=ballot_of(screen)).status_code == 200


def test_the_organiser_sees_how_far_jurors_are_and_no_more(study, address, ada):
    _, manifest, key = study
    screens = ada.get("/state").json()["screens"]
    for screen in screens[:2]:
        ada.post("/ballots", json=ballot_of(screen, comment="a secret remark"))
    with visitor(address) as organiser:
        answer = organiser.get(f"/progress/{key.organiser}")
    assert answer.status_code == 200 and answer.headers["refresh"] == "15"
    for shown in ("2 of 8 screens", "<td>juror-1</td>", "<td>juror-2</td>", ">7.2<"):
        assert shown in answer.text
    assert not any(pick in answer.text for screen in screens for pick in screen["order"])
    assert "secret" not in answer.text and "Ada" not in answer.text
    # its style is inside, and named in the policy by its hash
    assert "style-src 'sha256-" in answer.headers["content-security-policy"]


def test_a_juror_is_no_organiser(study, ada):
    _, manifest, key = study
    for token in (key.jurors["juror-1"].invitation, manifest.organiser_sha256, "x"):
        assert ada.get(f"/progress/{token}").status_code == 403


def test_an_image_that_was_changed_is_not_shown(study, ada, caplog):
    folder, manifest, _ = study
    token = manifest.seats["juror-1"].showings[0].order[0]
    (folder / "images" / f"{token}.png").write_bytes(b"another picture")
    answer = ada.get(f"/images/{token}.png")
    assert answer.status_code == 503
    assert str(folder) not in answer.text and "acknowledged is safe" in answer.json()["error"]
    # the organiser is told which
    assert f"{token}.png: not the image that the study was built with" in caplog.text


def test_a_ballot_that_cannot_be_kept_is_not_acknowledged(study, ada, monkeypatch, caplog):
    screen = ada.get("/state").json()["screens"][0]

    def crowded(*_):
        raise EngineError("ballots.sqlite: nothing was added")

    with monkeypatch.context() as broken:
        broken.setattr(BallotStore, "cast", crowded)
        answer = ada.post("/ballots", json=ballot_of(screen))
    assert answer.status_code == 503 and "sqlite" not in answer.text
    assert "ballots.sqlite: nothing was added" in caplog.text
    assert ada.post("/ballots", json=ballot_of(screen)).status_code == 201


def test_a_bug_tells_a_juror_nothing(ada, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("team north is at fault")

    monkeypatch.setattr(BallotStore, "of", broken)
    answer = ada.get("/state")
    assert answer.status_code == 500 and "north" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "RuntimeError: team north is at fault" in caplog.text


def test_how_a_process_logs_is_left_to_it(study):
    closed = []

    class Kept(logging.Handler):
        def close(self):
            closed.append(self)

    kept = Kept()
    with served(study[0]):
        assert closed == []
    assert not any(logging.getLogger(name).handlers for name in ("uvicorn", "uvicorn.error"))
    kept.close()
    assert closed == [kept]


def test_what_is_no_study_is_not_served(study, tmp_path):
    with pytest.raises(InputError, match="manifest.json: cannot be read"):
        application(tmp_path)
    (study[0] / BALLOTS).write_bytes(b"no ballots " * 100)
    with pytest.raises(EngineError, match="damaged, or no file of ballots"):
        application(study[0])
