"""What a juror's browser receives, byte by byte: nothing tells whose an image is.

Held here, for a study that was built from files full of names:
* no answer, right or refused, has in its status, headers or body the name of a team, a file or a
  juror, a secret, another juror's seat or invitation, or the kind of a screen;
* a hidden repeat has the form of any other screen, and shares no token with what it repeats;
* the answers to all images of a screen differ in the pixels' bytes alone: headers and length are
  equal, and the server calls the same functions in the same order for each.

Not claimed: that pixels do not tell who restored them, that a juror does not recognise a scene
seen before, or anything about times on a network. No clock is read here, since equal work is the
stronger promise; whether the system has a file in its memory depends on what was asked before,
and that is the same for all images of a screen.
"""

import gc
import json
import re
import sys

import pytest
from starlette.requests import Request

from gpu_metrics.study.serving.server import application
from tests.study.results import JURORS, SCENES, TEAMS, built
from tests.study.serving.running import ballot_of, served, visitor


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return built(tmp_path_factory.mktemp("blind"))


@pytest.fixture(scope="module")
def address(study):
    with served(study[0]) as place:
        yield place


@pytest.fixture(scope="module", params=["juror-1", "juror-2"])
def seen(request, study, address):
    """A juror's seat, and every answer they get out of the server, by foul means, too."""
    juror, answers = request.param, []
    invitation = study[2].jurors[juror].invitation
    with visitor(address) as client:
        client.event_hooks["response"].append(lambda answer: answers.append(answer))
        for path in ("/", "/state", f"/join/{invitation}", "/", "/static/study.css"):
            client.get(path)
        page = client.get("/")
        for name in re.findall(r'"(static/[^"]*)"', page.text):
            client.get(f"/{name}")
        screens = client.get("/state").json()["screens"]
        for screen in screens:
            for token in (screen["input"], *screen["order"]):
                client.get(f"/images/{token}.png")
            ballot = ballot_of(screen)
            client.post("/ballots", json=ballot | {"picks": [*ballot["picks"][:2], "another"]})
            for seconds in (1.0, 1.0, 2.0):
                client.post("/ballots", json=ballot | {"seconds": seconds})
        client.post("/ballots", json=ballot | {"screen": "another", "more": TEAMS[0][::-1]})
        client.post("/ballots", content=b" " * 70_000, headers={"content-type": "application/json"})
        client.post("/ballots", content=b"[[", headers={"content-type": "application/json"})
        client.post("/ballots", content=b"[[")
        client.get("/state")
        paths = (f"/progress/{invitation}", "/manifest.json", "/images/none.png", "/images/")
        for path in (*paths, "/join/none", "/ballots", "/static/none", f"/images/{TEAMS[0]}.png"):
            client.get(path)
        client.delete("/")
    assert {answer.status_code for answer in answers} == {
        *(200, 201, 303, 400, 403, 404, 405, 409, 413, 415)
    }
    return juror, answers


def received(answer):
    """Status, headers and body as they came."""
    head = b"\r\n".join(name + b": " + value for name, value in answer.headers.raw)
    return b"%d " % answer.status_code + head + b"\r\n\r\n" + answer.content


def test_no_byte_names_anybody(study, seen):
    folder, _, key = study
    juror, answers = seen
    names = [*TEAMS, *(juror.name for juror in JURORS), "flash-input", key.secret, key.organiser]
    names += [team.split("-")[0] for team in TEAMS]
    names += [seat for seat in key.jurors if seat != juror]
    names += [other.invitation for seat, other in key.jurors.items() if seat != juror]
    names += [str(folder), str(folder.parent.name), "uvicorn", "starlette", "sqlite"]
    names = [name.lower().encode() for name in names]
    for answer in answers:
        text = received(answer).lower()
        assert not [name for name in names if name in text], (answer.url, answer.status_code)


def test_no_text_names_a_scene_or_the_kind_of_a_screen(seen):
    # three digits turn up by chance within tokens and pixels, so whole words are looked for
    scenes = re.compile(rb"(?<![0-9a-f])(" + "|".join(SCENES).encode() + rb")(?![0-9a-f])")
    for answer in seen[1]:
        kind = answer.headers.get("content-type", "")
        if not kind.startswith(("image/", "text/javascript", "text/css")):
            assert not scenes.search(answer.content), answer.url
        if kind == "application/json":
            assert b"repeat" not in answer.content and b"vote" not in answer.content


def test_a_repeat_has_the_form_of_any_screen(study, seen):
    _, manifest, key = study
    [state] = {a.text for a in seen[1] if a.url.path == "/state" and '"cast": false' in a.text}
    screens = json.loads(state)["screens"]
    kinds = [manifest.screens[screen["screen"]].kind for screen in screens]
    assert {*kinds} == {"practice", "vote", "repeat"}
    forms = {
        re.sub(r"[0-9a-f]{16,}", "token", json.dumps(screen))
        for screen, kind in zip(screens, kinds, strict=True)
        if kind != "practice"
    }
    assert len(forms) == 1
    tokens = [t for s in screens for t in (s["screen"], s["input"], *s["order"])]
    assert len({*tokens}) == len(tokens)
    assert len({len(token) for token in tokens}) == 1


def test_the_answers_to_a_ballot_do_not_tell_a_repeat(study, seen):
    _, manifest, _ = study
    by_kind = {"vote": set(), "repeat": set()}
    for answer in seen[1]:
        if answer.request.method == "POST" and answer.status_code in (200, 201, 409):
            kind = manifest.screens[json.loads(answer.request.content)["screen"]].kind
            headers = [pair for pair in answer.headers.raw if pair[0] != b"date"]
            by_kind.setdefault(kind, set()).add(repr((answer.status_code, headers, answer.text)))
    assert len(by_kind["vote"]) == 3
    assert by_kind["vote"] == by_kind["repeat"] == by_kind["practice"]


def test_all_images_of_a_screen_are_answered_alike(study, seen):
    _, manifest, _ = study
    answers = {a.url.path: a for a in seen[1] if a.headers.get("content-type") == "image/png"}
    for screen in manifest.screens.values():
        own = [answers[f"/images/{t}.png"] for t in (screen.input, *screen.candidates)]
        heads = {repr([h for h in answer.headers.raw if h[0] != b"date"]) for answer in own}
        assert len(heads) == 1
        assert len({len(answer.content) for answer in own}) == 1
        assert len({answer.content for answer in own}) == len(own)
        assert not {"etag", "last-modified", "age"} & {*own[0].headers}
    # not even the images of a repeat are the files of the scene's first showing
    assert len({answer.content for answer in answers.values()}) == len(answers)


@pytest.mark.usefixtures("as_called")
def test_the_server_does_the_same_work_for_all_images(study):
    folder, manifest, key = study
    app = application(folder)
    endpoint = next(route.endpoint for route in app.routes if "images" in route.path)
    cookie = f"study-{manifest.sha256[:12]}={key.jurors['juror-1'].invitation}".encode()

    def work(token):
        """The functions that are called to answer, in their order."""
        scope = {"type": "http", "path_params": {"token": token}, "headers": [(b"cookie", cookie)]}
        request, called = Request(scope), []

        def note(frame, event, argument):
            inner = getattr(argument, "__qualname__", "") if event.startswith("c_") else ""
            called.append((event, frame.f_code.co_filename, frame.f_code.co_name, inner))

        # the garbage collector runs when it will, and calls functions of its own
        gc.disable()
        sys.setprofile(note)
        try:
            endpoint(request)
        finally:
            sys.setprofile(None)
            gc.enable()
        return tuple(called)

    # the first answer of a process fills tables
    work(manifest.seats["juror-1"].showings[0].order[0])
    for showing in manifest.seats["juror-1"].showings:
        done = {work(token) for token in (manifest.screens[showing.screen].input, *showing.order)}
        assert len(done) == 1
        assert len(done.pop()) > 20
