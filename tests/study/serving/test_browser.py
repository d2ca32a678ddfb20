"""A whole study in a real browser: two jurors vote all of it, strangers see none of it."""

import pytest
from playwright.sync_api import expect

from gpu_metrics.study.votes import unblind
from tests.study.serving.browser import desk, kept
from tests.study.serving.running import served
from tests.study.toy import DIMENSIONS, toy_study

KINDS = ("practice", "vote", "vote", "vote", "vote", "repeat")
TEAMS = tuple(f"team {name}" for name in "abcdefghijkl")
LETTERS = "ABCDEFGHIJKL"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    manifest, key = toy_study(folder, kinds=KINDS, teams=TEAMS, ties={"Ben": ["team c"]})
    with served(folder) as address:
        yield folder, address, manifest, key


def link(key, juror):
    return key.jurors[juror].invitation


def expected(manifest, juror, index, letters):
    """The tokens behind letters on a juror's screen."""
    order = manifest.seats[juror].showings[index].order
    return tuple(order[LETTERS.index(letter)] for letter in letters)


def votes_with_the_mouse(seat, choices):
    """Cast all screens by clicks alone, with an order on the second and notes on the third."""
    page = seat.page
    for index, letters in enumerate(choices):
        seat.shown()
        if index == 1:
            seat.click("Go on")
            seat.click("Order counts")
        for letter in letters:
            seat.click(f"Pick {letter}")
        if index == 1:
            assert page.locator(".picked .mark").all_text_contents() == ["2", "3", "1"]
        if index == 2:
            seat.click("Order counts")
            seat.click("Notes")
            seat.click(DIMENSIONS[0])
            seat.click(DIMENSIONS[4])
            page.get_by_label("Comment").fill("  warm skin \U0001f642 ")
        seat.click("Cast")


def votes_with_keys(seat, choices, first=0):
    """Cast screens by keys alone, with notes on the third, from the one given to the last."""
    for index, letters in enumerate(choices, start=first):
        seat.shown()
        if index == 1:
            seat.press("Enter")
        if index == 2:
            seat.press("/", "Tab", "Enter", *["Tab"] * (len(DIMENSIONS) - 1))
            seat.page.keyboard.type("abc, sharp eyes")
            seat.press("Escape")
            assert seat.picked() == []
        seat.cast_by_keys(*letters.lower())


def test_two_jurors_vote_a_whole_study(browser, study):
    folder, address, manifest, key = study
    mouse = ["ABC", "LAG", "DEF", "GHI", "JKL", "ALB"]
    keys = ["KJI", "ABC", "CBA", "EGK", "BDF", "FGH"]

    with desk(browser) as ada:
        ada.begin(address, link(key, "juror-1"))
        ada.reads("count", "Practice 1 of 1")
        votes_with_the_mouse(ada, mouse)
        ada.reads("over-title", "Thank you")
        ada.reads("count", "5 of 5")
        assert ada.faults == []
        assert all(url.startswith(f"{address}/") for url in ada.asked)

    with desk(browser) as ben:
        ben.open(address, link(key, "juror-2"))
        ben.shown()
        ben.press("Enter")
        votes_with_keys(ben, keys[:3])
        ben.reads("count", "3 of 5")
        # a pick that is not cast is no ballot
        ben.press("a")
        assert ben.faults == []
    with desk(browser) as ben:
        ben.open(address, link(key, "juror-2"))
        ben.shown()
        ben.reads("count", "3 of 5")
        votes_with_keys(ben, keys[3:], first=3)
        ben.reads("over-title", "Thank you")
        assert ben.faults == []
        ben.open(address)
        ben.reads("over-title", "Thank you")

    everything = kept(folder, manifest, 2 * len(KINDS))
    ballots = {(item.juror, item.ballot.screen): item.ballot for item in everything}
    for juror, choices in (("juror-1", mouse), ("juror-2", keys)):
        for index, letters in enumerate(choices):
            screen = manifest.seats[juror].showings[index].screen
            ballot = ballots[juror, screen]
            assert ballot.picks == expected(manifest, juror, index, letters)
            assert ballot.ordered == (juror == "juror-1" and index == 1)
            assert 0 < ballot.seconds < 60
            if index == 2 and juror == "juror-1":
                assert ballot.tags == (DIMENSIONS[0], DIMENSIONS[4])
                assert ballot.comment == "warm skin \U0001f642"
            elif index == 2:
                assert ballot.tags == (DIMENSIONS[1],)
                assert ballot.comment == "abc, sharp eyes"
            else:
                assert ballot.tags == () and ballot.comment == ""
    votes = unblind(manifest, key, everything)
    assert [vote.kind for vote in votes if vote.juror == "Ada"] == [*KINDS]
    assert not [vote for vote in votes if vote.juror == "Ben" and "team c" in vote.shown]


@pytest.mark.parametrize("invitation", [None, "made-up", "../state"])
def test_a_stranger_is_kept_out(browser, study, invitation):
    _, address, manifest, _ = study
    with desk(browser) as stranger:
        assert stranger.open(address, invitation).status in (403, 404)
        assert stranger.page.locator("img, canvas, script").count() == 0
        for path in ("state", f"images/{next(iter(manifest.images))}.png", ""):
            assert stranger.page.request.get(f"{address}/{path}").status == 403


def test_enough_is_asked_for_and_too_much_is_refused(browser, tmp_path):
    manifest, key = toy_study(tmp_path, kinds=("vote",))
    with served(tmp_path) as address, desk(browser) as seat:
        seat.begin(address, link(key, "juror-1"))
        seat.press("a", "b", "Control+Enter")
        seat.reads("hint", "Pick 3 to cast a ballot.")
        expect(seat.page.locator("#cast")).to_be_disabled()
        seat.press("c", "d")
        seat.reads("hint", "3 are picked: drop one first.")
        assert seat.picked() == ["A", "B", "C"]
        seat.press("b", "d")
        assert seat.picked() == ["A", "C", "D"]
        # there are six candidates, so that this is nobody's letter
        seat.press("g")
        assert seat.picked() == ["A", "C", "D"]
        seat.press("Control+Enter")
        seat.reads("over-title", "Thank you")
    [item] = kept(tmp_path, manifest, 1)
    assert item.ballot.picks == expected(manifest, "juror-1", 0, "ACD")


def test_letters_are_taken_by_their_place_on_other_keyboards(browser, tmp_path):
    _, key = toy_study(tmp_path, kinds=("vote",))
    with served(tmp_path) as address, desk(browser) as seat:
        seat.begin(address, link(key, "juror-1"))
        seat.page.evaluate(
            "dispatchEvent.call(document.body,"
            " new KeyboardEvent('keydown', {key: 'ф', code: 'KeyA', bubbles: true}))"
        )
        assert seat.picked() == ["A"]


def test_help_tells_the_keys_and_leaves_picks_alone(browser, tmp_path):
    _, key = toy_study(tmp_path, kinds=("vote",))
    with served(tmp_path) as address, desk(browser) as seat:
        seat.begin(address, link(key, "juror-1"))
        seat.press("?", "a")
        expect(seat.page.get_by_role("dialog", name="Keys and mouse")).to_be_visible()
        assert seat.picked() == []
        seat.press("Escape", "a")
        assert seat.picked() == ["A"]


def test_only_time_in_sight_counts(browser, tmp_path):
    manifest, key = toy_study(tmp_path, kinds=("vote",))
    with served(tmp_path) as address, desk(browser) as seat:
        seat.page.clock.install()
        seat.begin(address, link(key, "juror-1"))
        turn = (
            "on => { Object.defineProperty(document, 'hidden', {value: on, configurable: true});"
            " document.dispatchEvent(new Event('visibilitychange')); }"
        )
        seat.page.clock.fast_forward(10_000)
        seat.page.evaluate(turn, True)
        seat.page.clock.fast_forward(500_000)
        seat.page.evaluate(turn, False)
        seat.page.clock.fast_forward(20_000)
        seat.press("a", "b", "c", "Control+Enter")
        seat.reads("over-title", "Thank you")
    [item] = kept(tmp_path, manifest, 1)
    # the clock runs on between the leaps
    assert 30 <= item.ballot.seconds < 60
