"""The standing of a phase: one submission per team, under one profile."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Select, exists, func, select

from gpu_metrics.board.schema import (
    marks,
    moment,
    profiles,
    runs,
    submissions,
    teams,
    withdrawals,
)
from gpu_metrics.board.store import Board
from gpu_metrics.catalog import did_you_mean
from gpu_metrics.errors import InputError
from gpu_metrics.profiles import Profile, parse_profile

Pick = Literal["best", "last"]


@dataclass(frozen=True, slots=True)
class Place:
    """A team's line on a board.

    `value` ranks; `values` holds every mean and value of the formula. `run` and `submission` are
    those that count, `at` is when the submission arrived, `entries` how many of the team rank.
    `engine` is the version that scored and `reference` a hash of the reference set, where known.
    `struck` is the reason why the details are struck out, which `shown` then withholds.
    """

    place: int
    team: str
    value: float
    values: Mapping[str, float | None]
    submission: str
    at: datetime
    entries: int
    run: int
    struck: str | None
    engine: str | None
    reference: str | None

    def shown(self, name: str, ranked: str) -> float | None:
        """A named value as the public sees it: None where it is struck out, but for what ranks."""
        return self.values[name] if self.struck is None or name == ranked else None


@dataclass(frozen=True, slots=True)
class Standing:
    """The places of a phase, first to last; every one of them was scored by `profile`."""

    phase: str
    profile: Profile
    pick: Pick
    places: tuple[Place, ...]

    def remarks(self) -> list[str]:
        """What keeps the places from being strictly comparable, one sentence each."""
        engines = {place.engine or "unknown" for place in self.places}
        references = {place.reference or "unknown" for place in self.places}
        remarks = []
        if len(engines) > 1:
            remarks.append(
                f"scored by several engines: {', '.join(sorted(engines))}; rescore what is older"
            )
        if len(references) > 1:
            remarks.append(
                f"scored against {len(references)} different reference sets; rescore against one"
            )
        return remarks


def standing(
    board: Board, phase: str, *, profile: str | None = None, pick: Pick = "best"
) -> Standing:
    """One submission per team, ordered by the profile's ranking and then by time.

    Of a submission the newest complete run by the profile counts; of a team the "best" submission
    or the "last" that has one. Runs of other profiles, partial runs and submissions that were
    withdrawn do not appear.

    Args:
        phase: A phase of the board.
        profile: Name or first digits of the digest of one that scored runs of the phase. It may
            be left out where there is only one, since different rules never mix.

    Raises:
        InputError: The phase or profile is not there, or several profiles could be meant.
    """
    with board.reading() as connection:
        rules = _profile(connection, phase, profile)
        struck = {row.team: row.reason for row in connection.execute(_struck(phase))}
        found = connection.execute(_ranked(phase, rules, pick)).all()
    places = []
    for number, row in enumerate(found, start=1):
        numbers = json.loads(row.numbers)
        places.append(
            Place(
                place=number,
                team=row.team_name,
                value=row.value,
                values=numbers["means"] | numbers["scores"],
                submission=row.name,
                at=moment(row.at),
                entries=row.entries,
                run=row.run,
                struck=struck.get(row.team),
                engine=row.engine,
                reference=row.reference_sha256,
            )
        )
    return Standing(phase, rules, pick, tuple(places))


def _profile(connection: Connection, phase: str, wanted: str | None) -> Profile:
    """The one profile of a phase that `wanted` names; its text is the one stored with the runs."""
    used = (
        select(runs.c.id)
        .select_from(runs.join(submissions))
        .where(runs.c.profile == profiles.c.digest, submissions.c.phase == phase)
    )
    known = connection.execute(
        select(profiles).where(exists(used)).order_by(profiles.c.digest)
    ).all()
    if not known:
        phases = connection.scalars(select(submissions.c.phase).distinct()).all()
        there = ", ".join(map(repr, sorted(phases))) or "none"
        raise InputError(
            f"phase: {phase!r} is not on the board; there are {there}{did_you_mean(phase, phases)}"
        )
    found = [
        row
        for row in known
        if wanted is None or row.name == wanted or row.digest.startswith(wanted)
    ]
    if len(found) != 1:
        listed = ", ".join(f"{row.name} {row.version} ({row.digest:.12})" for row in known)
        raise InputError(
            f"profile: {wanted or 'none given'}, and {phase!r} was scored by {listed}; name one by "
            "the first digits of its digest"
        )
    return parse_profile(found[0].text, where=found[0].name)


def _ranked(phase: str, profile: Profile, pick: Pick) -> Select[Any]:
    """The run that counts of each team, in the order of the board."""
    newest = func.row_number().over(partition_by=submissions.c.id, order_by=runs.c.id.desc())
    scored = (
        select(
            *(submissions.c.id, submissions.c.team, submissions.c.name, submissions.c.at),
            *(runs.c.id.label("run"), runs.c.value, newest.label("newest")),
        )
        .select_from(submissions.join(runs))
        .where(
            submissions.c.phase == phase,
            runs.c.profile == profile.digest,
            runs.c.value.is_not(None),
            submissions.c.id.not_in(_withdrawn()),
        )
        .subquery()
    )
    better = scored.c.value.desc() if profile.ranking.higher_is_better else scored.c.value
    chosen = [better, scored.c.at, scored.c.id]
    if pick == "last":
        chosen = [scored.c.at.desc(), scored.c.id.desc()]
    ordered = (
        select(
            scored,
            func.row_number().over(partition_by=scored.c.team, order_by=chosen).label("nth"),
            func.count().over(partition_by=scored.c.team).label("entries"),
        )
        .where(scored.c.newest == 1)
        .subquery()
    )
    ranked = ordered.c.value.desc() if profile.ranking.higher_is_better else ordered.c.value
    of_team = ordered.join(teams, teams.c.id == ordered.c.team)
    return (
        select(ordered, teams.c.name.label("team_name"))
        .add_columns(runs.c.numbers, runs.c.engine, runs.c.reference_sha256)
        .select_from(of_team.join(runs, runs.c.id == ordered.c.run))
        .where(ordered.c.nth == 1)
        .order_by(ranked, ordered.c.at, ordered.c.id)
    )


def _struck(phase: str) -> Select[Any]:
    """Teams whose newest mark in a phase strikes them out, with the reason."""
    newest = select(func.max(marks.c.id)).where(marks.c.phase == phase).group_by(marks.c.team)
    return select(marks.c.team, marks.c.reason).where(marks.c.id.in_(newest), marks.c.struck)


def _withdrawn() -> Select[Any]:
    """Submissions of which the newest word is that they are withdrawn."""
    newest = select(func.max(withdrawals.c.id)).group_by(withdrawals.c.submission)
    return select(withdrawals.c.submission).where(
        withdrawals.c.id.in_(newest), withdrawals.c.withdrawn
    )
