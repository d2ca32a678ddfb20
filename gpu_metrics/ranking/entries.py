"""Who takes part in a contest, and with which numbers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gpu_metrics.board.store import Board
from gpu_metrics.board.view import Standing, standing
from gpu_metrics.catalog import did_you_mean
from gpu_metrics.contests import BoardInput, Contest, GivenInput, Phase, Rate
from gpu_metrics.errors import InputError
from gpu_metrics.ranking.arrays import Array
from gpu_metrics.ranking.given import Table
from gpu_metrics.ranking.votes import Votes


@dataclass(frozen=True, slots=True)
class Entries:
    """The teams of a contest and their numbers.

    `values` holds `(teams,)` for each input and rate that the contest needs, and for each
    assignment that was given in its place. `standings` and `tables` are where they come from, `out`
    says why a team is not ranked.
    """

    contest: Contest
    teams: tuple[str, ...]
    values: Mapping[str, Array]
    standings: Mapping[Phase, Standing]
    tables: Mapping[str, Table]
    out: Mapping[str, str]
    remarks: tuple[str, ...]


def collect(
    contest: Contest, *, board: Board | None = None, given: Sequence[Table] = ()
) -> Entries:
    """What a contest needs, from a board and from what the host gives.

    What is given comes before what a board has, and may replace an assignment of the formula;
    then nothing is asked for that this assignment alone uses.

    Raises:
        InputError: Something that the contest needs is neither given nor on the board, something
            is given by two tables, or no team has everything.
    """
    tables = _by_name(given)
    needed = needs(contest, tables)
    standings = _standings(contest, needed, tables, board)
    rates = [name for name in needed if isinstance(contest.across.get(name), Rate)]
    numbers: dict[str, Mapping[str, float | None]] = {}
    for name in needed:
        source = contest.inputs.get(name)
        if name in tables:
            numbers[name] = tables[name].of(name)
        elif isinstance(source, BoardInput):
            numbers[name] = _column(standings[source.source], source.value)
        elif isinstance(source, GivenInput):
            raise InputError(f"{name}: give a table with columns team and {name}, {source.meaning}")
    candidates = _candidates(contest, standings, given)
    out = _left_out(contest, candidates, numbers, standings)
    teams = tuple(team for team in candidates if team not in out)
    if not teams:
        reasons = "; ".join(f"{team}: {why}" for team, why in [*out.items()][:3])
        raise InputError(f"{contest.name}: no team can be ranked ({reasons or 'there is none'})")
    numbers |= {name: _rate(name, contest.across[name].of, tables) for name in rates}
    absent = dict.fromkeys(t for table in given for t in table.teams if t not in candidates)
    return Entries(
        contest,
        teams,
        {n: np.array([column[t] for t in teams], np.float64) for n, column in numbers.items()},
        standings,
        {name: table for name, table in tables.items() if name in needed},
        out,
        tuple(
            f"{team} is given numbers and takes no part{did_you_mean(team, candidates)}"
            for team in absent
        ),
    )


def needs(
    contest: Contest, replaced: Collection[str], *, of: Sequence[str] | None = None
) -> list[str]:
    """Every name that what ranks and gates depend on, or the names `of` that are asked for.

    What only `replaced` names depend on is not among them.
    """
    wanted = [contest.ranking.by, *(g.name for g in contest.gates)] if of is None else [*of]
    found: list[str] = []
    while wanted:
        if (name := wanted.pop(0)) in found:
            continue
        found.append(name)
        if name in replaced:
            continue
        if name in contest.across:
            wanted.append(contest.across[name].of)
        elif name in contest.formula:
            wanted += contest.formula[name].names
    return found


def _by_name(given: Sequence[Table]) -> dict[str, Table]:
    """The table that gives each name."""
    tables: dict[str, Table] = {}
    for table in given:
        for name in table.names:
            if name in tables:
                raise InputError(f"{name}: is given by two tables; put their lines into one")
            tables[name] = table
    return tables


def _standings(
    contest: Contest, needed: Sequence[str], tables: Mapping[str, Table], board: Board | None
) -> dict[Phase, Standing]:
    """The standings to read: of who is invited, and of inputs that are needed and not given."""
    asked = {
        source.source: name
        for name in needed
        if name not in tables and isinstance(source := contest.inputs.get(name), BoardInput)
    }
    if board is None:
        for phase, name in asked.items():
            raise InputError(f"{name}: name the board that has {phase.phase}, or give a table")
        return {}
    phases = [contest.invitation.source] if contest.invitation is not None else []
    return {
        phase: standing(board, phase.phase, profile=phase.profile, pick=phase.pick)
        for phase in [*phases, *asked]
    }


def _column(shown: Standing, value: str) -> dict[str, float | None]:
    for place in shown.places:
        if value not in place.values:
            raise InputError(
                f"{shown.profile.name} has no value {value!r}; it has {', '.join(place.values)}"
                f"{did_you_mean(value, place.values)}"
            )
    return {place.team: place.values[value] for place in shown.places}


def _rate(name: str, of: str, tables: Mapping[str, Table]) -> Mapping[str, float | None]:
    table = tables.get(of)
    if not isinstance(table, Votes):
        raise InputError(
            f"{name}: only votes tell how many {of} are possible; give a table with columns scene, "
            f"juror, team and {of}"
        )
    return table.of(name)


def _candidates(
    contest: Contest, standings: Mapping[Phase, Standing], given: Sequence[Table]
) -> list[str]:
    """Who is invited or, where nobody is, every team of the boards and tables, in their order."""
    if contest.invitation is not None and standings:
        places = standings[contest.invitation.source].places
        return [p.team for p in places if p.struck is None][: contest.invitation.top]
    of_boards = [place.team for shown in standings.values() for place in shown.places]
    return [*dict.fromkeys([*of_boards, *(team for table in given for team in table.teams)])]


def _left_out(
    contest: Contest,
    candidates: Sequence[str],
    numbers: Mapping[str, Mapping[str, float | None]],
    standings: Mapping[Phase, Standing],
) -> dict[str, str]:
    """Why candidates cannot be ranked: struck out, a number missing, or a gate closed."""
    struck = {
        place.team: f"struck out in {shown.phase}: {place.struck}"
        for shown in standings.values()
        for place in shown.places
        if place.struck is not None
    }
    out = {}
    for team in candidates:
        missing = [name for name, column in numbers.items() if column.get(team) is None]
        if team in struck:
            out[team] = struck[team]
        elif missing:
            out[team] = f"no {', '.join(missing)}"
        else:
            for gate in contest.gates:
                if not gate.admits(value := float(numbers[gate.name][team] or 0.0)):
                    out[team] = f"{gate.name} is {value:g}, expected {gate}"
    return out
