"""Lines 50 and 51 on web pages: what strangers wrote is text there and nothing else."""

from html.parser import HTMLParser

import pytest

from gpu_metrics.page import badge, bullets, heading, page, paragraph, table

PLAIN = {"html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "span"}
PLAIN |= {"ul", "li", "div", "table", "tr", "th", "td"}


class Reader(HTMLParser):
    """Collects elements, attributes and text as a browser finds them."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.texts = set(), set(), []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("<script>alert(1)</script>", id="line-51 script"),
        pytest.param("a\"><img src=x onerror='alert(1)'>", id="line-51 attribute"),
        pytest.param("</title></style></table>&lt;b&gt;", id="line-51 ends of elements"),
        pytest.param("=cmd()", id="line-51 formula"),
        pytest.param("two\nlines", id="line-50 newline"),
    ],
)
def test_names_are_shown_as_they_are(name):
    parts = [
        heading(name),
        *(paragraph(name, kind) for kind in ("", "quiet", "figure")),
        badge(name, "bad"),
        bullets([name]),
        table([name, name], [[name, "1.5"], [name, name]], marked=[1]),
    ]
    reader = Reader()
    reader.feed(page(name, *parts))
    assert reader.tags <= PLAIN
    assert reader.attributes <= {"lang", "charset", "name", "content", "class"}
    # twice in the head, five blocks, and five cells
    assert reader.texts.count(name) == 2 + 6 + 5
