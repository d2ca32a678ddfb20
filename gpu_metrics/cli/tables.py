"""Tables of results in the forms that people and programs ask for."""

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import typer


class TableFormat(StrEnum):
    """What stdout shows: a table for people, Markdown, CSV, or JSON with all digits."""

    table = "table"
    markdown = "markdown"
    csv = "csv"
    json = "json"


def show(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    document: Mapping[str, Any],
    *,
    format: TableFormat,
    title: str = "",
) -> None:
    """Print a table on stdout, or where JSON is asked for the document behind it."""
    if format is TableFormat.json:
        import json

        typer.echo(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False))
    elif format is TableFormat.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows([columns, *rows])
    elif format is TableFormat.markdown:
        for cells in (columns, ["---"] * len(columns), *rows):
            escaped = (cell.replace("\\", "\\\\").replace("|", "\\|") for cell in cells)
            typer.echo(f"| {' | '.join(escaped)} |")
    else:
        from gpu_metrics.cli import render

        render.table(columns, rows, title=title)
