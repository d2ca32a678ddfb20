"""No ballot is lost or counted twice, whatever the connection or other windows do."""

import pytest
from playwright.sync_api import expect

from tests.study.serving.browser import desk, kept, window
from tests.study.serving.running import served
from tests.study.toy import toy_study

KINDS = ("vote",) * 6
WAITING = "1 ballot kept here, will be sent"


@pytest.fixture
def study(tmp_path):
    manifest, key = toy_study(tmp_path, kinds=KINDS)
    with served(tmp_path) as address:
        yield tmp_path, address, manifest, key.jurors["juror-1"].invitation


def picks(manifest, index, letters="abc", juror="juror-1"):
    order = manifest.seats[juror].showings[index].order
    return tuple(order["abcdef".index(letter)] for letter in letters)


def are_kept(study, *expected):
    """Hold the picks that the server has against those expected on the first screens."""
    folder, _, manifest, _ = study
    found = kept(folder, manifest, len(expected))
    by_screen = {item.ballot.screen: item.ballot.picks for item in found}
    showings = manifest.seats["juror-1"].showings
    assert [by_screen[showings[i].screen] for i in range(len(expected))] == [*expected]


def test_a_lost_connection_loses_no_ballot(browser, study):
    _, address, manifest, invitation = study
    with desk(browser) as seat:
        seat.open(address, invitation)
        # the images of three screens more are loaded in advance
        seat.page.wait_for_load_state("networkidle")
        seat.click("Begin")
        seat.context.set_offline(True)
        for index in range(4):
            seat.shown()
            seat.cast_by_keys(*"abc")
            many = "1 ballot" if index == 0 else f"{index + 1} ballots"
            seat.reads("connection", f"{many} kept here, will be sent")
        # the images of the fifth screen were not ahead
        seat.reads("count", "5 of 6")
        expect(seat.page.locator("#stage")).to_have_attribute("aria-busy", "true")
        are_kept(study)
        seat.context.set_offline(False)
        seat.shown()
        seat.reads("connection", "")
        are_kept(study, *(picks(manifest, index) for index in range(4)))
        for _ in range(2):
            seat.shown()
            seat.cast_by_keys(*"abc")
        seat.reads("over-title", "Thank you")
        seat.reads("connection", "")
    are_kept(study, *(picks(manifest, index) for index in range(6)))


def test_a_ballot_is_sent_when_the_page_is_opened_again(browser, study):
    _, address, manifest, invitation = study
    with desk(browser) as seat:
        seat.begin(address, invitation)
        seat.page.route("**/ballots", lambda route: route.abort())
        seat.cast_by_keys(*"bcd")
        seat.reads("connection", WAITING)
        seat.page.close()
        are_kept(study)
        again = window(seat.context)
        again.open(address, invitation)
        again.reads("count", "2 of 6")
        are_kept(study, picks(manifest, 0, "bcd"))
        again.page.wait_for_function("localStorage.length === 0")


def test_a_lost_answer_makes_no_second_ballot(browser, study):
    _, address, manifest, invitation = study
    answers = []

    def lose_the_first(route):
        answers.append(route.fetch().status)
        if len(answers) == 1:
            route.abort()
        else:
            route.fulfill(status=answers[-1], json={"new": False})

    with desk(browser) as seat:
        seat.begin(address, invitation)
        seat.page.route("**/ballots", lose_the_first)
        seat.cast_by_keys(*"abc")
        seat.reads("connection", WAITING)
        seat.reads("connection", "")
    assert answers == [201, 200]
    are_kept(study, picks(manifest, 0))


@pytest.mark.parametrize("status", [500, 503, 404])
def test_a_server_in_trouble_is_asked_again(browser, study, status):
    _, address, manifest, invitation = study
    asked = []

    def fail_once(route):
        asked.append(route)
        route.fulfill(status=status, body="") if len(asked) == 1 else route.continue_()

    with desk(browser) as seat:
        seat.begin(address, invitation)
        seat.page.route("**/ballots", fail_once)
        seat.cast_by_keys(*"abc")
        seat.reads("connection", WAITING)
        seat.reads("count", "2 of 6")
        seat.reads("connection", "")
    are_kept(study, picks(manifest, 0))


@pytest.mark.parametrize("status", [200, 201, 400, 403, 409])
def test_an_answer_of_something_between_decides_nothing(browser, study, status):
    """A gate on the way, such as a hotel's, answers with a page of its own."""
    _, address, manifest, invitation = study
    gate = {"status": status, "content_type": "text/html", "body": "<p>Please log in."}
    with desk(browser) as seat:
        seat.begin(address, invitation)
        seat.page.route("**/ballots", lambda route: route.fulfill(**gate), times=1)
        seat.cast_by_keys(*"abc")
        seat.reads("connection", WAITING)
        seat.reads("count", "2 of 6")
        seat.reads("connection", "")
        are_kept(study, picks(manifest, 0))


def test_a_refused_ballot_is_told_and_asked_for_again(browser, study):
    _, address, manifest, invitation = study
    with desk(browser) as seat:
        seat.begin(address, invitation)
        seat.page.route(
            "**/ballots", lambda route: route.fulfill(status=400, json={"error": "no"}), times=1
        )
        seat.cast_by_keys(*"abc")
        seat.reads("hint", "A ballot was refused: no")
        seat.shown()
        seat.cast_by_keys(*"bcd")
        seat.reads("count", "1 of 6")
        seat.shown()
        seat.cast_by_keys(*"def")
        seat.reads("count", "3 of 6")
        are_kept(study, picks(manifest, 0, "def"), picks(manifest, 1, "bcd"))
    are_kept(study, picks(manifest, 0, "def"), picks(manifest, 1, "bcd"))


def test_a_second_window_cannot_vote_twice(browser, study):
    _, address, manifest, invitation = study
    with desk(browser) as first:
        first.begin(address, invitation)
        second = window(first.context)
        second.begin(address, invitation)
        first.cast_by_keys(*"abc")
        # it follows at once, with no picks carried over
        second.reads("count", "2 of 6")
        second.shown()
        second.cast_by_keys(*"def")
        first.reads("count", "3 of 6")
        are_kept(study, picks(manifest, 0, "abc"), picks(manifest, 1, "def"))
    are_kept(study, picks(manifest, 0, "abc"), picks(manifest, 1, "def"))


def test_a_second_browser_cannot_vote_twice(browser, study):
    _, address, manifest, invitation = study
    with desk(browser) as first, desk(browser) as second:
        first.begin(address, invitation)
        second.begin(address, invitation)
        first.cast_by_keys(*"abc")
        are_kept(study, picks(manifest, 0, "abc"))
        second.cast_by_keys(*"def")
        second.reads("hint", "Cast before, elsewhere: that stands.")
        second.reads("count", "2 of 6")
        second.page.wait_for_function("localStorage.length === 0")
    are_kept(study, picks(manifest, 0, "abc"))


def test_another_jurors_link_takes_no_ballot_of_an_open_page(browser, tmp_path):
    manifest, key = toy_study(tmp_path, kinds=KINDS)
    ada, ben = (key.jurors[id_].invitation for id_ in ("juror-1", "juror-2"))
    with served(tmp_path) as address, desk(browser) as seat:
        seat.begin(address, ada)
        window(seat.context).begin(address, ben)
        seat.cast_by_keys(*"abc")
        seat.reads("over-title", "This link no longer holds")
        kept(tmp_path, manifest, 0)
        seat.open(address, ada)
        seat.reads("count", "2 of 6")
        kept(tmp_path, manifest, 1)
    [item] = kept(tmp_path, manifest, 1)
    assert item.juror == "juror-1" and item.ballot.picks == picks(manifest, 0)


def test_a_browser_that_stores_nothing_votes_all_the_same(browser, study):
    _, address, manifest, invitation = study
    with desk(browser) as seat:
        seat.page.add_init_script("Storage.prototype.setItem = () => { throw new Error('full') }")
        seat.begin(address, invitation)
        seat.page.route("**/ballots", lambda route: route.abort(), times=1)
        seat.cast_by_keys(*"abc")
        seat.reads("hint", "Not stored: keep this window open.")
        seat.reads("connection", WAITING)
        seat.reads("connection", "")
        assert seat.faults == []
    are_kept(study, picks(manifest, 0))
