"""A bundle on a juror's own disk: voted without a server, and its file comes home."""

import json
import zipfile

from gpu_metrics.study.manifest import BALLOTS
from gpu_metrics.study.serving.bundle import import_ballots, write_bundle
from gpu_metrics.study.store import BallotStore
from tests.study.serving.browser import desk, picture, place, window
from tests.study.toy import toy_study

KINDS = ("practice", "vote", "vote", "repeat")


def saved(seat, button, folder):
    with seat.page.expect_download() as download:
        seat.click(button)
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_a_bundle_is_voted_from_the_disk_and_comes_home(browser, tmp_path):
    manifest, key = toy_study(tmp_path / "study", kinds=KINDS, size=(900, 1200))
    write_bundle(tmp_path / "bundle.zip", tmp_path / "study", manifest, key, "juror-2")
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    [index] = (tmp_path / "unpacked").rglob("index.html")
    showings = manifest.seats["juror-2"].showings

    with desk(browser) as seat:
        seat.page.goto(index.as_uri())
        seat.shown()
        # its bar has one button more, which is no reason for a second line
        assert seat.page.locator("#bar").bounding_box()["height"] < 50
        seat.press("Enter", "1")
        whole = picture(tmp_path / "study", showings[0].order[0])
        assert place(seat.pixels()["Candidate A"], whole) is not None
        for letters in ("abc", "bcd"):
            seat.shown()
            seat.cast_by_keys(*letters)
            seat.press("Enter")
        midway = json.loads(saved(seat, "Save", tmp_path).read_text())
        assert [ballot["screen"] for ballot in midway["ballots"]] == [
            showing.screen for showing in showings[:2]
        ]
        assert seat.faults == []
        seat.page.close()

        again = window(seat.context)
        again.page.goto(index.as_uri())
        again.reads("count", "2 of 3")
        for letters in ("cde", "def"):
            again.shown()
            again.cast_by_keys(*letters)
        again.reads("over-title", "Thank you")
        path = saved(again, "Save ballots", tmp_path)
        assert path.name == "ballots-juror-2.json"
        assert all(url.startswith(("file:", "blob:")) for url in [*seat.asked, *again.asked])

    with BallotStore(tmp_path / "study" / BALLOTS, manifest) as store:
        assert import_ballots(path, store) == len(KINDS)
        found = {item.ballot.screen: item.ballot.picks for item in store.of("juror-2")}
    for showing, letters in zip(showings, ("abc", "bcd", "cde", "def"), strict=True):
        assert found[showing.screen] == tuple(showing.order["abcdef".index(c)] for c in letters)
