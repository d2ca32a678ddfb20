import re

import pytest

from gpu_metrics.verify.comparison import compare
from gpu_metrics.verify.findings import PixelChange
from gpu_metrics.verify.report import sections, to_html
from gpu_metrics.verify.standing import with_rank
from tests.verify.conftest import PLAIN


@pytest.fixture
def comparison(online, rerun):
    pixels = {"007": PixelChange(66, 2.25, 0.988), "008": PixelChange(0, 0.0, 0.0)}
    other = rerun({"007": (-3.0, 0.0)})
    other.provenance["device"] = "<H100>"
    found = compare(online, other, PLAIN, pixels=pixels)
    return with_rank(found, {"<a>": 47.9, "b": 49.0}, PLAIN.ranking)


def test_tables_hold_what_was_found(comparison):
    total, images, place, environment = sections(comparison, PLAIN, images=3)
    assert total.rows[0] == ("total", "48.0000", "47.8500", "-0.1500", "0.01", "0.1")
    assert total.rows[1][0] == "psnr"
    assert images.title == "Images, worst first (17 more)"
    assert images.rows[0] == (
        *("007", "98.8% differ, mean 2.250, largest 66", "-3.0000", "0", "54.55"),
    )
    assert images.rows[1:] == (
        ("001", "unknown", "0", "0", "0.00"),
        ("002", "unknown", "0", "0", "0.00"),
    )
    assert images.marked == {0}
    assert (place.title, place.rows) == ("Place among 3 teams", (("2", "3", "<a>"),))
    assert environment.rows == (("device", "None", "<H100>"),)


def test_all_images_are_shown_where_there_is_room(comparison):
    images = list(sections(comparison, PLAIN, images=20))[1]
    assert images.title == "Images, worst first"
    assert ("008", "same", "0", "0", "0.00") in images.rows


def test_the_page_is_one_file_with_everything_escaped(comparison):
    html = to_html(comparison, PLAIN)
    assert not re.search(r"https?:|src=|href=|url\(|<script|<link|@import", html)
    assert "&lt;H100&gt;" in html and "&lt;a&gt;" in html
    assert "<H100>" not in html and "<a>" not in html
    assert '<span class="bad">deviates</span>' in html
    assert html.count('<tr class="marked">') == 1
    for id_ in (image.id for image in comparison.images):
        assert f"<td>{id_}</td>" in html


@pytest.mark.parametrize(("change", "kind"), [(0.0, "good"), (-0.05, "warn"), (-1.0, "bad")])
def test_verdicts_have_their_color(online, rerun, change, kind):
    found = compare(online, rerun(dict.fromkeys([i.id for i in online.images], (change, 0))), PLAIN)
    assert f'<span class="{kind}">{found.verdict}</span>' in to_html(found, PLAIN)
