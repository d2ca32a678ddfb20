"""A juror at a browser: what they do with mouse and keys, and what they see."""

import time
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
from playwright.sync_api import BrowserContext, Page, expect

from gpu_metrics.study.manifest import BALLOTS, IMAGES
from gpu_metrics.study.store import BallotStore

SCREEN = {"width": 1280, "height": 720}


@dataclass
class Desk:
    """A browser's window, with all that it asked for and complained of."""

    context: BrowserContext
    page: Page
    asked: list[str]
    faults: list[str]

    def open(self, address, invitation=None):
        return self.page.goto(f"{address}/join/{invitation}" if invitation else address)

    def begin(self, address, invitation):
        """Come with a link for the first time, and close the welcome."""
        self.open(address, invitation)
        self.shown()
        self.page.get_by_role("button", name="Begin").click()
        return self

    def shown(self):
        """Wait until all pictures of a screen are seen."""
        self.page.wait_for_selector("#stage[aria-busy=false]")
        # two frames: one to draw, one to be sure that it is seen
        self.page.evaluate(
            "new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f)))"
        )

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def click(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def picked(self):
        """The letters of the candidates that look picked."""
        return self.page.locator(".pick[aria-pressed=true] .name").all_text_contents()

    def reads(self, part, text):
        expect(self.page.locator(f"#{part}")).to_have_text(text)

    def cast_by_keys(self, *letters):
        self.press(*letters)
        expect(self.page.locator("#cast")).to_be_enabled()
        self.press("Control+Enter")

    def pixels(self):
        """What the screen shows of each picture, by its label, in device pixels."""
        self.shown()
        ratio = self.page.evaluate("devicePixelRatio")
        whole = cv2.imdecode(np.frombuffer(self.page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
        seen = {}
        for canvas in self.page.locator(".tile:visible canvas").all():
            box = canvas.bounding_box()
            x, y, width, height = (round(box[k] * ratio) for k in ("x", "y", "width", "height"))
            seen[canvas.get_attribute("aria-label")] = whole[y : y + height, x : x + width]
        return seen

    def places(self, images):
        """Where in its image each picture's pixels lie, as by `place`."""
        found, last = {}, None
        for name, seen in self.pixels().items():
            last = found[name] = place(seen, images[name], last)
        return found


@contextmanager
def desk(browser, **options):
    """A window of a browser that knows nothing yet."""
    context = browser.new_context(**{"viewport": SCREEN} | options)
    try:
        yield window(context)
    finally:
        context.close()


def window(context):
    """One more window beside those of a context, with which it shares all that is stored."""
    page = context.new_page()
    found = Desk(context, page, [], [])
    page.on("request", lambda request: found.asked.append(request.url))
    page.on("pageerror", lambda error: found.faults.append(str(error)))
    return found


def picture(study, token):
    """The file of a token, decoded."""
    return cv2.imread(str(study / IMAGES / f"{token}.png"))


def place(seen, whole, likely=None):
    """Where in an image what is seen lies, exact to the last bit, as (x, y); None for nowhere.

    A likely place is looked at before all others, which take long.
    """

    def lies_at(x, y):
        return np.array_equal(whole[y : y + seen.shape[0], x : x + seen.shape[1]], seen)

    if likely and lies_at(*likely):
        return likely
    unlike = cv2.matchTemplate(whole, np.ascontiguousarray(seen), cv2.TM_SQDIFF)
    best = cv2.minMaxLoc(unlike)[2]
    return best if lies_at(*best) else None


def kept(study, manifest, count):
    """All ballots that the server keeps, waited for until there are as many as expected."""
    with BallotStore(study / BALLOTS, manifest) as store:
        deadline = time.monotonic() + 10
        while len(found := store.all()) < count and time.monotonic() < deadline:
            time.sleep(0.05)
    assert len(found) == count
    return found
