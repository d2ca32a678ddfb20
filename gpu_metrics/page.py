"""Web pages in one file: the style inside, nothing loaded from elsewhere, every text escaped."""

from base64 import b64encode
from collections.abc import Collection, Iterable, Sequence
from hashlib import sha256
from html import escape
from typing import Literal

_STYLE = """
body { margin: 0; background: #f6f6f5; color: #222;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", Arial, sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 1.75rem 1.5rem 3rem; }
h1 { margin: 0 0 .25rem; font-size: 1.5rem; font-weight: 600; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 .5rem; font-size: 1.05rem; font-weight: 600; }
p { margin: .5rem 0; overflow-wrap: anywhere; }
.quiet { color: #666; font-size: .9rem; }
.figure { margin: 1rem 0 .25rem; font-size: 2.5rem; line-height: 1.1; font-weight: 600;
  font-variant-numeric: tabular-nums; }
.good, .warn, .bad { display: inline-block; padding: .1rem .7rem; border-radius: 1rem;
  font-weight: 600; }
.good { background: #dcefe1; color: #1d5c34; }
.warn { background: #f7ebcd; color: #6d4e05; }
.bad { background: #f6dcd8; color: #8a2318; }
.wide { overflow-x: auto; width: fit-content; max-width: 100%; background: #fff;
  border: 1px solid #e2e2df; border-radius: 6px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem 1.2rem; text-align: left; vertical-align: top; }
th { color: #666; font-size: .85rem; font-weight: 600; white-space: nowrap;
  border-bottom: 1px solid #d5d5d1; }
tr + tr td { border-top: 1px solid #efefec; }
.number { text-align: right; white-space: nowrap; }
.marked td { background: #fdf4f2; }
ul { margin: .5rem 0; padding-left: 1.2rem; }
li { overflow-wrap: anywhere; }
progress { width: 100%; height: 1rem; }
"""

# how a Content-Security-Policy names the style above, which stands inside each page
STYLE_SOURCE = f"'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"


def page(title: str, *blocks: str) -> str:
    """A whole page of blocks, which the other functions of this module make."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n" + "\n".join(blocks) + "\n</main>\n</body>\n</html>\n"
    )


def heading(text: str) -> str:
    """The title of a section."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str, kind: Literal["", "quiet", "figure"] = "") -> str:
    """A paragraph: of the text proper, in small grey letters, or in large digits."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def badge(text: str, kind: Literal["good", "warn", "bad"]) -> str:
    """A word or two on a colored ground."""
    return f'<p><span class="{kind}">{escape(text)}</span></p>'


def bullets(texts: Iterable[str]) -> str:
    """A list, one text in a line."""
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"


def bar(done: int, total: int) -> str:
    """How far something has got."""
    return f'<progress value="{done}" max="{total}"></progress>'


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, marked: Collection[int] = ()
) -> str:
    """A table: names in its first column, numbers to the right, some rows marked by index."""
    rows = list(rows)
    kinds = [
        ' class="number"' if index and all(is_number(row[index]) for row in rows) else ""
        for index in range(len(columns))
    ]
    head = "".join(f"<th{k}>{escape(c)}</th>" for k, c in zip(kinds, columns, strict=True))
    body = "\n".join(
        ('<tr class="marked">' if index in marked else "<tr>")
        + "".join(f"<td{k}>{escape(cell)}</td>" for k, cell in zip(kinds, row, strict=True))
        + "</tr>"
        for index, row in enumerate(rows)
    )
    return f'<div class="wide"><table>\n<tr>{head}</tr>\n{body}\n</table></div>'


def number(value: float | None, digits: int = 4) -> str:
    """A number with so many decimals; a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def is_number(text: str) -> bool:
    """Whether a cell stands to the right: digits, a dash for none, or nothing at all."""
    return text.lstrip("+-").replace(".", "", 1).isdecimal() or text in ("", "-")
