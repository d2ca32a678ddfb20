"""Standings as rows for people and as documents for programs."""

from typing import TYPE_CHECKING, Any

from gpu_metrics.board.view import Place, Standing
from gpu_metrics.page import number
from gpu_metrics.results import cell

if TYPE_CHECKING:
    from gpu_metrics.ranking.trust import Trust


def table(standing: Standing, trust: "Trust | None") -> tuple[list[str], list[list[str]]]:
    """Titles and cells: the profile's columns, then what draws say; "-" where struck out."""
    profile = standing.profile
    titles = ["place", "team", *(column.title for column in profile.columns.values())]
    rows = [
        [
            str(place.place),
            cell(place.team),
            *(
                number(place.shown(name, profile.ranking.by), column.digits)
                for name, column in profile.columns.items()
            ),
        ]
        for place in standing.places
    ]
    if trust is not None:
        titles += trust_titles(trust)
        for place, row in zip(standing.places, rows, strict=True):
            cells = trust_cells(trust, place.place - 1, profile.ranking.digits)
            row += cells if place.struck is None else ["-"] * len(cells)
    return titles, rows


def trust_titles(trust: "Trust") -> list[str]:
    """The titles of `trust_cells`."""
    return [f"{trust.confidence:.0%} interval", "places", "ahead of next", "group"]


def trust_cells(trust: "Trust", index: int, digits: int) -> list[str]:
    """What draws say of one team: interval, places, share ahead of the next, group."""
    ahead = trust.ahead[index]
    return [
        interval(trust.intervals[index], digits),
        places(trust, index),
        "" if ahead is None else f"{ahead:.3f}",
        trust.groups[index],
    ]


def interval(ends: tuple[float, float], digits: int) -> str:
    """An interval as tables show it."""
    low, high = ends
    return f"{low:.{digits}f} .. {high:.{digits}f}"


def places(trust: "Trust", index: int) -> str:
    """The places that a team may have."""
    first, last = trust.places[index]
    return f"{first}" if first == last else f"{first} .. {last}"


def remarks(trust: "Trust | None") -> list[str]:
    """What a reader of the intervals must know."""
    if trust is None or not trust.left_out:
        return []
    return [f"{trust.left_out} draws had no score for some team and are left out"]


def document(standing: Standing, trust: "Trust | None") -> dict[str, Any]:
    """A standing with all digits; details that are struck out are null."""
    profile = standing.profile
    return {
        "phase": standing.phase,
        "profile": {
            "name": profile.name,
            "version": profile.version,
            "digest": profile.digest,
        },
        "pick": standing.pick,
        "draws": trust and trust.draws,
        "confidence": trust and trust.confidence,
        "places": [_place(place, profile.ranking.by, trust) for place in standing.places],
        "remarks": [*standing.remarks(), *remarks(trust)],
    }


def trust_entry(trust: "Trust", index: int) -> dict[str, Any]:
    """What draws say of one team, for programs."""
    return {
        "interval": list(trust.intervals[index]),
        "places": list(trust.places[index]),
        "ahead_of_next": trust.ahead[index],
        "group": trust.groups[index],
    }


def _place(place: Place, ranked: str, trust: "Trust | None") -> dict[str, Any]:
    entry = {
        "place": place.place,
        "team": place.team,
        "values": {name: place.shown(name, ranked) for name in place.values},
        "submission": place.submission,
        "at": place.at.isoformat(),
        "entries": place.entries,
        "struck": place.struck,
    }
    known = trust if place.struck is None else None
    return entry | ({} if known is None else trust_entry(known, place.place - 1))
