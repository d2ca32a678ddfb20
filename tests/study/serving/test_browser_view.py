"""What jurors see: whole tiles on every screen, and at 100 % the very pixels of the images."""

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect

from tests.study.serving.browser import desk, picture, place
from tests.study.serving.running import served
from tests.study.toy import toy_study

TEAMS = tuple("abcdefghijkl")
LETTERS = "ABCDEFGHIJKL"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("view")
    # wider and higher than any tile, even at two device pixels for one of CSS
    manifest, key = toy_study(
        folder, kinds=("vote",), teams=TEAMS, jurors=("Ada",), size=(900, 1200)
    )
    with served(folder) as address:
        yield folder, address, manifest.seats["juror-1"].showings[0], manifest, key


@pytest.fixture
def seat(browser, study):
    _, address, _, _, key = study
    with desk(browser) as seat:
        yield seat.begin(address, key.jurors["juror-1"].invitation)
        assert seat.faults == []


@pytest.fixture
def images(study):
    folder, _, showing, manifest, _ = study
    found = {f"Candidate {name}": token for name, token in zip(LETTERS, showing.order, strict=True)}
    found["The input"] = manifest.screens[showing.screen].input
    return {name: picture(folder, token) for name, token in found.items()}


@pytest.mark.parametrize("ratio", [1, 1.5, 2])
def test_every_pixel_is_one_of_the_screen_at_100_percent(launch, study, images, ratio):
    _, address, _, _, key = study
    browser = launch(f"--force-device-scale-factor={ratio}", "--window-size=1280,800")
    with desk(browser, viewport=None, no_viewport=True) as seat:
        seat.begin(address, key.jurors["juror-1"].invitation)
        assert seat.page.evaluate("devicePixelRatio") == ratio
        seat.press("1")
        places = seat.places(images)
    assert len(places) == 13
    assert None not in places.values()
    assert len({*places.values()}) == 1


@pytest.mark.parametrize("times", [2, 4])
def test_every_pixel_is_a_square_of_pixels_above(seat, images, times):
    seat.press(str(times))
    enlarged = images["Candidate A"].repeat(times, axis=0).repeat(times, axis=1)
    assert place(seat.pixels()["Candidate A"], enlarged) is not None


def test_small_tiles_do_not_alias(browser, study):
    _, address, showing, _, key = study
    board = np.indices((900, 1200)).sum(axis=0) % 2 * np.uint8(255)
    body = cv2.imencode(".png", board)[1].tobytes()
    with desk(browser) as seat:
        checkered = f"**/images/{showing.order[0]}.png"
        seat.page.route(checkered, lambda route: route.fulfill(body=body, content_type="image/png"))
        seat.begin(address, key.jurors["juror-1"].invitation)
        seen = seat.pixels()["Candidate A"]
    # the mean of 0 and 255, rounded either way at each halving
    assert seen.min() >= 126 and seen.max() <= 129


def test_dragging_one_tile_moves_all(seat, images):
    seat.press("1")
    x, y = seat.places(images)["Candidate C"]
    box = seat.page.get_by_role("img", name="Candidate C").bounding_box()
    mouse = seat.page.mouse
    mouse.move(box["x"] + 100, box["y"] + 80)
    mouse.down()
    mouse.move(box["x"] + 80, box["y"] + 90)
    mouse.move(box["x"] + 63, box["y"] + 101)
    mouse.up()
    assert {*seat.places(images).values()} == {(x + 37, y - 21)}


def test_arrows_move_all(seat, images):
    seat.press("1")
    x, y = seat.places(images)["Candidate A"]
    seat.press("ArrowRight", "ArrowDown")
    [(later_x, later_y)] = {*seat.places(images).values()}
    assert later_x > x and later_y > y


def test_the_wheel_zooms_about_the_cursor_and_rests_at_100_percent(seat, images):
    box = seat.page.get_by_role("img", name="Candidate D").bounding_box()
    # what is a quarter from the left and the top stays there
    seat.page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    for _ in range(20):
        seat.page.mouse.wheel(0, -100)
        seat.shown()
        if seat.page.locator("#zoom").text_content() == "100 %":
            break
    [(x, y)] = {*seat.places(images).values()}
    # within a pixel of the screen, of which the smallest step has two of the image's
    assert x == pytest.approx((1200 - box["width"]) / 4, abs=2)
    assert y == pytest.approx((900 - box["height"]) / 4, abs=2)


def test_a_double_click_goes_to_100_percent_and_back(seat):
    tile = seat.page.get_by_role("img", name="Candidate E")
    tile.dblclick()
    seat.reads("zoom", "100 %")
    tile.dblclick()
    expect(seat.page.locator("#fit")).to_have_attribute("aria-pressed", "true")
    seat.press("+")
    expect(seat.page.locator("#fit")).to_have_attribute("aria-pressed", "false")
    seat.press("0")
    expect(seat.page.locator("#fit")).to_have_attribute("aria-pressed", "true")


def test_holding_shows_the_input_everywhere(seat, images):
    seat.press("1")
    hold = seat.page.get_by_role("button", name="Hold for input").bounding_box()
    seat.page.mouse.move(hold["x"] + 5, hold["y"] + 5)
    everywhere = dict.fromkeys(images, images["The input"])
    keyboard, mouse = seat.page.keyboard, seat.page.mouse
    for take, leave in [
        (lambda: keyboard.down(" "), lambda: keyboard.up(" ")),
        (mouse.down, mouse.up),
    ]:
        take()
        assert None not in seat.places(everywhere).values()
        leave()
        assert None not in seat.places(images).values()


def test_one_candidate_alone_and_others_in_its_place(seat, images):
    def alone():
        [found] = seat.places(images).items()
        return found

    # narrower than the image, so that it fills the tile
    seat.page.set_viewport_size({"width": 1180, "height": 720})
    seat.press("1", "Shift+C")
    name, where = alone()
    assert name == "Candidate C" and where is not None
    seat.press("ArrowRight")
    assert alone() == ("Candidate D", where)
    seat.press("Backspace")
    assert alone() == ("Candidate C", where)
    seat.press("ArrowLeft", "ArrowLeft", "ArrowLeft")
    assert alone() == ("Candidate L", where)
    seat.page.keyboard.down(" ")
    assert seat.places({"Candidate L": images["The input"]}) == {"Candidate L": where}
    seat.page.keyboard.up(" ")
    seat.press("Escape")
    assert len(seat.pixels()) == 13
    seat.click("Look at B alone")
    assert alone() == ("Candidate B", where)
    seat.click("Look at B alone")
    assert len(seat.pixels()) == 13


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (2560, 1440), (1024, 768)])
def test_all_is_on_one_screen_as_large_as_can_be(seat, size):
    width, height = size
    seat.page.set_viewport_size({"width": width, "height": height})
    seat.shown()
    tiles = [tile.bounding_box() for tile in seat.page.locator(".tile").all()]
    bar = seat.page.locator("#bar").bounding_box()
    lefts, tops = [t["x"] for t in tiles], [t["y"] for t in tiles]
    rights = [t["x"] + t["width"] for t in tiles]
    bottoms = [t["y"] + t["height"] for t in tiles]
    assert len(tiles) == 13
    assert min(lefts) >= 0 and max(rights) <= width
    assert min(tops) >= 0 and max(bottoms) <= bar["y"] and bar["y"] + bar["height"] == height
    assert len({(t["width"], t["height"]) for t in tiles}) == 1
    for i in range(13):
        for j in range(i):
            apart = rights[j] <= lefts[i] or rights[i] <= lefts[j]
            assert apart or bottoms[j] <= tops[i] or bottoms[i] <= tops[j]
    # one of the sides is used up but for the gaps of ten
    assert max(rights) - min(lefts) > width - 30 or max(bottoms) - min(tops) > bar["y"] - 30
    assert seat.page.evaluate("document.documentElement.scrollHeight") == height


def test_hints_move_no_tile(seat):
    before = [tile.bounding_box() for tile in seat.page.locator(".tile").all()]
    seat.press("a", "b", "c", "d")
    seat.reads("hint", "3 are picked: drop one first.")
    assert [tile.bounding_box() for tile in seat.page.locator(".tile").all()] == before
    assert seat.picked() == ["A", "B", "C"]


def test_all_pictures_appear_at_once(browser, study):
    folder, address, showing, _, key = study
    held = []
    with desk(browser) as seat:
        late = f"**/images/{showing.order[7]}.png"
        seat.page.route(late, lambda route: held.append(route))
        seat.open(address, key.jurors["juror-1"].invitation)
        seat.click("Begin")
        seat.page.wait_for_function(
            "performance.getEntriesByType('resource')"
            ".filter((entry) => entry.name.includes('/images/')).length >= 12"
        )
        assert len(held) == 1
        assert seat.page.locator("canvas:visible").count() == 0
        seat.press("a", "b", "c")
        assert seat.picked() == []
        held[0].continue_()
        seat.shown()
        assert seat.page.locator("canvas:visible").count() == 13
