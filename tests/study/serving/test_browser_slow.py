"""Slow lines and hasty jurors: a ballot leaves before images do, and though a window is closed."""

import threading
from contextlib import contextmanager

from gpu_metrics.study.serving import assets
from tests.study.serving.browser import desk, kept
from tests.study.serving.running import served
from tests.study.serving.test_browser_outbox import are_kept, picks, study  # noqa: F401 - a fixture
from tests.study.toy import toy_study

UNSENT = "Every screen is judged. Keep this window open until your last ballots are sent."


@contextmanager
def images_hang(monkeypatch, study):  # noqa: F811
    """No image but those of the first screen comes, as on a slow line."""
    first = study[2].seats["juror-1"].showings[0]
    shown = {study[2].screens[first.screen].input, *first.order}
    arrive, load = threading.Event(), assets.image

    def slow(folder, manifest, token):
        if token not in shown:
            arrive.wait(60)
        return load(folder, manifest, token)

    monkeypatch.setattr(assets, "image", slow)
    try:
        yield
    finally:
        arrive.set()


def test_the_last_ballot_is_waited_for(browser, tmp_path):
    manifest, key = toy_study(tmp_path, kinds=("vote",))
    with served(tmp_path) as address, desk(browser) as seat:
        seat.begin(address, key.jurors["juror-1"].invitation)
        seat.page.route("**/ballots", lambda route: route.abort())
        seat.cast_by_keys(*"abc")
        seat.reads("over-text", UNSENT)
        asked = []
        seat.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
        seat.page.close(run_before_unload=True)
        seat.reads("over-text", UNSENT)
        assert asked == ["beforeunload"]
        seat.page.unroute("**/ballots")
        seat.reads("over-text", "Every screen is judged and your ballots are cast.")
        kept(tmp_path, manifest, 1)
        # now nothing holds it back
        with seat.page.expect_event("close"):
            seat.page.close(run_before_unload=True)
        assert asked == ["beforeunload"]


def test_a_ballot_goes_out_though_the_window_is_closed_at_once(browser, study, monkeypatch):  # noqa: F811
    _, address, manifest, invitation = study
    with desk(browser) as seat, images_hang(monkeypatch, study):
        seat.begin(address, invitation)
        # all connections are busy, so that the ballot has not left when the window is closed
        seat.page.evaluate(
            "tokens => { for (const token of tokens) new Image().src = `images/${token}.png`; }",
            manifest.seats["juror-1"].showings[5].order,
        )
        seat.press(*"abc")
        seat.page.evaluate("document.getElementById('cast').click()")
        seat.page.close()
        are_kept(study, picks(manifest, 0))


def test_an_entry_that_is_no_ballot_hides_no_other(browser, study):  # noqa: F811
    _, address, manifest, invitation = study
    with desk(browser) as seat:
        seat.begin(address, invitation)
        seat.page.route("**/ballots", lambda route: route.abort())
        seat.cast_by_keys(*"abc")
        seat.reads("connection", "1 ballot kept here, will be sent")
        seat.page.evaluate(
            "localStorage.setItem(Object.keys(localStorage)[0].replace(/[^/]*$/, 'x'), '{\"scr')"
        )
        seat.page.unroute("**/ballots")
        seat.open(address)
        seat.reads("count", "2 of 6")
        are_kept(study, picks(manifest, 0))


def test_images_ahead_do_not_hold_up_a_ballot(browser, study, monkeypatch):  # noqa: F811
    """A browser has six connections to a server: on a slow line images would fill them all."""
    _, address, manifest, invitation = study
    with desk(browser) as seat, images_hang(monkeypatch, study):
        seat.begin(address, invitation)
        seat.cast_by_keys(*"abc")
        are_kept(study, picks(manifest, 0))
