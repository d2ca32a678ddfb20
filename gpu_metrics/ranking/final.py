"""The final standing of a contest, and what it owes to chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from gpu_metrics.board.store import Board
from gpu_metrics.contests import BoardInput, Contest
from gpu_metrics.errors import InputError
from gpu_metrics.ranking.boards import drawn
from gpu_metrics.ranking.bootstrap import DRAWS, Source, Values
from gpu_metrics.ranking.composition import compute, pointwise
from gpu_metrics.ranking.entries import Entries, needs
from gpu_metrics.ranking.trust import (
    Trust,
    effective_items,
    intervals,
    place_shares,
    trust,
    with_scores,
)
from gpu_metrics.ranking.votes import Votes


@dataclass(frozen=True, slots=True)
class Finalist:
    """A team's line of the final standing; `values` are its inputs and the whole formula."""

    place: int
    team: str
    values: Mapping[str, float]
    award: str | None


@dataclass(frozen=True, slots=True)
class Final:
    """The final standing, first to last, and how far it can be trusted.

    `trust` lets all sources of chance vary together, `alone` each by itself; `places` is the share
    of the draws in which each finalist has each place, `intervals` those of every assignment that
    ranks depend on, teams in the order of the finalists. They are None and empty where nothing can
    be drawn. `out` says why a team is not ranked.
    """

    contest: Contest
    finalists: tuple[Finalist, ...]
    out: Mapping[str, str]
    trust: Trust | None
    alone: Mapping[str, Trust]
    places: tuple[tuple[float, ...], ...]
    intervals: Mapping[str, tuple[tuple[float, float], ...]]
    remarks: tuple[str, ...]


def decide(
    entries: Entries, *, board: Board | None = None, draws: int = DRAWS, seed: int = 0
) -> Final:
    """The final standing of those who take part; teams that are equal keep their order.

    The images of each phase are drawn from `board`, the scenes of each given table that has some,
    scenes and jurors of votes, every source by itself; whatever has none stays as it is. Who takes
    part, gates included, is not drawn. 0 draws are none.
    """
    contest, ranking = entries.contest, entries.contest.ranking
    known = compute(contest, entries.values, evaluate=pointwise)
    named = [*contest.inputs, *contest.across, *contest.formula]
    columns = {n: np.broadcast_to(known[n], len(entries.teams)) for n in named if n in known}
    total = columns[ranking.by]
    order = np.argsort(-total if ranking.higher_is_better else total, kind="stable")
    finalists = tuple(
        Finalist(
            place,
            entries.teams[index],
            {name: float(column[index]) for name, column in columns.items()},
            contest.award(place),
        )
        for place, index in enumerate(order, start=1)
    )
    sources, remarks = _sources(entries, board, draws, seed) if draws else ([], [])
    remarks = [*entries.remarks, *remarks]
    if not sources:
        return Final(contest, finalists, entries.out, None, {}, (), {}, tuple(remarks))
    alone = {source.name: _formula(entries, [source], order) for source in sources}
    together = _formula(entries, sources, order)
    by, better = ranking.by, ranking.higher_is_better
    trusts = {
        source.name: trust(alone[source.name][by], higher_is_better=better, items=source.items)
        for source in sources
    }
    items = {
        name: effective_items(
            [float(with_scores(columns[name]).var(axis=0).sum()) for columns in alone.values()],
            [source.items for source in sources],
        )
        for name in together
    }
    shares = place_shares(together[by], higher_is_better=better)
    return Final(
        contest,
        finalists,
        entries.out,
        trust(together[by], higher_is_better=better, items=items[by]),
        trusts,
        tuple(map(tuple, shares.tolist())),
        {name: intervals(column, items=items[name]) for name, column in together.items()},
        tuple(remarks),
    )


def _formula(
    entries: Entries, sources: Sequence[Source], order: Int64[np.ndarray, "teams"]
) -> dict[str, Values]:
    """Every assignment that ranks depend on in every draw of some sources, all else as it is."""
    values = dict(entries.values)
    for source in sources:
        values |= source.values
    known = compute(entries.contest, values)
    whole = 1, len(entries.teams)
    return {
        name: np.broadcast_to(known[name], np.broadcast_shapes(known[name].shape, whole))[:, order]
        for name in needs(entries.contest, entries.tables)
        if name in entries.contest.formula and name in known
    }


def _sources(
    entries: Entries, board: Board | None, draws: int, seed: int
) -> tuple[list[Source], list[str]]:
    """Draws of the images of every phase and of the scenes of every table, as far as possible."""
    sources, remarks = [], []
    for number, (phase, standing) in enumerate(entries.standings.items()):
        wanted = {
            name: source.value
            for name, source in entries.contest.inputs.items()
            if isinstance(source, BoardInput) and source.source == phase
            if name in entries.values and name not in entries.tables
        }
        if not wanted or board is None:
            continue
        places = {place.team: place for place in standing.places}
        ours = replace(standing, places=tuple(places[team] for team in entries.teams))
        try:
            found = drawn(board, ours, draws=draws, seed=(seed, 0, number))
        except InputError as error:
            remarks.append(f"{phase.phase} is not drawn from: {error}")
            continue
        values = {name: found.values[value] for name, value in wanted.items()}
        sources.append(replace(found, values=values))
    tables = {id(table): table for table in entries.tables.values()}
    for number, table in enumerate(tables.values()):
        names = [name for name, of in entries.tables.items() if of is table]
        source = table.source(names, entries.teams, draws=draws, seed=(seed, 1, number))
        if source is not None:
            sources.append(source)
        if isinstance(table, Votes):
            remarks += table.remarks
    return sources, remarks
