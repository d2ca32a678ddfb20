"""`gpu-metrics calibrate`: a formula held against a published table of scores."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gpu_metrics.cli.app import app, say, verb
from gpu_metrics.cli.score import DEFAULT_PROFILE
from gpu_metrics.cli.tables import TableFormat, show
from gpu_metrics.profiles import load_profile


@app.command()
@verb
def calibrate(
    table: Annotated[
        Path, typer.Argument(help="CSV with a column per term and one for the score, as printed.")
    ],
    profile: Annotated[
        str, typer.Option(help="Name of a profile, or the path of a .toml file.")
    ] = DEFAULT_PROFILE,
    free: Annotated[
        str,
        typer.Option(
            help="Constants to fit, by place: total.1, sharpness=raw_lpips.2+raw_global.2."
        ),
    ] = "",
    format: Annotated[TableFormat, typer.Option(help="What stdout shows.")] = TableFormat.table,
) -> None:
    """Say which printed scores follow from a formula, and whether its constants can be known."""
    rules = load_profile(profile)

    from gpu_metrics.ranking.calibrate import calibrate as hold_against
    from gpu_metrics.ranking.constants import constants, parse_free
    from gpu_metrics.ranking.published import read_published
    from gpu_metrics.results import cell

    chosen = parse_free(rules, free)
    found = hold_against(rules, read_published(table, rules), chosen)
    digits = rules.ranking.digits + 2
    columns = ["team", "printed", "released", "difference", "rounding", "explained"]
    rows = [
        [
            cell(row.team),
            f"{row.printed:.{rules.ranking.digits}f}",
            f"{row.released:.{digits}f}",
            f"{row.released - row.printed:+.{digits}f}",
            f"{row.rounding:.{digits}f}",
            "yes" if row.fits else "no",
        ]
        for row in found.rows
    ]
    if chosen:
        columns += ["fitted", "explained"]
        for cells, row in zip(rows, found.rows, strict=True):
            cells += [f"{row.fitted:.{digits}f}", "yes" if row.fits_fitted else "no"]
    document = {
        "profile": {"name": rules.name, "version": rules.version, "digest": rules.digest},
        "rows": [asdict(row) for row in found.rows],
        "incomplete": list(found.incomplete),
        "constants": [asdict(e) | {"identified": e.identified} for e in found.estimates],
        "used": list(found.used),
        "rank": found.rank,
        "remarks": found.remarks(),
    }
    title = f"{rules.name} {rules.version} on {table.name}"
    show(columns, rows, document, format=format, title=title)
    if format is TableFormat.table and chosen:
        titles = ["constant", "stands at", "released", "fitted", "95% interval"]
        estimates = [
            [
                item.free.name,
                " ".join(item.free.places),
                f"{item.free.value:g}",
                f"{item.fitted:.6g}" if item.identified else "-",
                f"{_end(item.low)} .. {_end(item.high)}",
            ]
            for item in found.estimates
        ]
        show(titles, estimates, {}, format=format)
    for remark in found.remarks():
        say(f"note: {remark}")
    if found.incomplete:
        say(f"note: incomplete rows, passed over: {', '.join(found.incomplete)}")
    if not chosen:
        listed = ", ".join(f"{place} = {value:g}" for place, value in constants(rules).items())
        say(f"note: --free can name {listed}")


def _end(value: float | None) -> str:
    return "open" if value is None else f"{value:.6g}"
