"""A whole board as lines of JSON, from which another database makes the same board."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from gpu_metrics.board.insertion import insert_run, insert_submission
from gpu_metrics.board.schema import (
    SCHEMA,
    marks,
    moment,
    profiles,
    runs,
    submissions,
    teams,
    withdrawals,
)
from gpu_metrics.board.store import Board, record
from gpu_metrics.errors import InputError
from gpu_metrics.profiles import Profile, parse_profile
from gpu_metrics.results import Run

# what exports begin with, oldest layout first
_HEADS = [{"board": layout} for layout in range(1, SCHEMA + 1)]


@dataclass(frozen=True, slots=True)
class Imported:
    """How much of an export was new to a board; `marks` counts withdrawals, too."""

    submissions: int
    runs: int
    marks: int

    def __add__(self, other: "Imported") -> "Imported":
        """Both together."""
        return Imported(
            self.submissions + other.submissions,
            self.runs + other.runs,
            self.marks + other.marks,
        )


def export_board(board: Board) -> Iterator[str]:
    """Lines of JSON, each with its end: the profiles, the submissions with all runs, the marks."""
    with board.reading() as connection:
        yield _line({"board": SCHEMA})
        for row in connection.execute(select(profiles).order_by(profiles.c.digest)):
            yield _line({"profile": row.digest, "text": row.text})
        of = teams.c.name.label("of")
        found = connection.execute(
            select(submissions, of).select_from(submissions.join(teams)).order_by(submissions.c.id)
        )
        for row in found.all():
            head = {"submission": row.name, "team": row.of, "phase": row.phase, "at": row.at}
            said = _withdrawals(connection, row.id)
            yield _line(head | {"runs": _runs(connection, row.id), "withdrawals": said})
        for row in connection.execute(
            select(marks, of).select_from(marks.join(teams)).order_by(marks.c.id)
        ):
            head = {"struck": row.struck, "team": row.of, "phase": row.phase, "at": row.at}
            yield _line(head | {"reason": row.reason})


def import_board(board: Board, lines: Iterable[str]) -> Imported:
    """Add what an export holds and the board does not; nothing where a line is at fault.

    Raises:
        InputError: A line is none of an export; it is named by its number.
        BoardError: The database failed; nothing was added.
    """
    rules: dict[str, Profile] = {}
    total = Imported(0, 0, 0)
    with board.writing() as connection:
        for number, text in enumerate(lines, start=1):
            try:
                entry = json.loads(text)
                if number == 1 and entry not in _HEADS:
                    raise InputError(
                        f"expected {json.dumps(_HEADS[-1])}, with which an export begins"
                    )
                total += _take(connection, entry, rules)
            except KeyError as error:
                raise InputError(f"line {number}: lacks {error}") from error
            except (ValueError, TypeError, AttributeError) as error:
                raise InputError(f"line {number}: {error}") from error
    return total


def _take(connection: Connection, entry: dict[str, Any], rules: dict[str, Profile]) -> Imported:
    """Add one line of an export; `rules` collects the profiles."""
    if "profile" in entry:
        rules[entry["profile"]] = parse_profile(entry["text"], where=entry["profile"][:12])
        return Imported(0, 0, 0)
    if "submission" in entry:
        return _take_submission(connection, entry, rules)
    if "struck" in entry:
        return Imported(0, 0, _take_mark(connection, entry))
    if "board" in entry:
        return Imported(0, 0, 0)
    raise InputError("neither a profile, a submission nor a mark")


def _take_submission(
    connection: Connection, entry: dict[str, Any], rules: dict[str, Profile]
) -> Imported:
    first, *later = [
        (Run.from_json(json.dumps(item["record"])), moment(item["added_at"]))
        for item in entry["runs"]
    ]
    added = insert_submission(
        connection,
        first[0],
        _profile_of(first[0], rules),
        team=entry["team"],
        phase=entry["phase"],
        at=moment(entry["at"]),
        added_at=first[1],
    )
    new = [
        insert_run(connection, added.submission, run, _profile_of(run, rules), added_at=at)
        for run, at in later
    ]
    # exports of layout 1 know none
    said = [
        _take_withdrawal(connection, added.submission, word)
        for word in entry.get("withdrawals", ())
    ]
    return Imported(int(added.new), int(added.new) + sum(new), sum(said))


def _profile_of(run: Run, rules: dict[str, Profile]) -> Profile:
    if (digest := run.profile.digest) not in rules:
        raise InputError(f"the profile {digest:.12} is not among the lines before")
    return rules[digest]


def _take_mark(connection: Connection, entry: dict[str, Any]) -> int:
    team = connection.scalars(select(teams.c.id).where(teams.c.name == entry["team"])).one()
    said = {key: entry[key] for key in ("phase", "at", "struck", "reason")}
    return _take_once(connection, marks, {"team": team, **said})


def _take_withdrawal(connection: Connection, submission: int, word: dict[str, Any]) -> int:
    said = {key: word[key] for key in ("at", "withdrawn", "reason")}
    return _take_once(connection, withdrawals, {"submission": submission, **said})


def _take_once(connection: Connection, table: Table, values: dict[str, Any]) -> int:
    same = [table.c[key] == value for key, value in values.items()]
    if connection.scalar(select(table.c.id).where(*same)) is not None:
        return 0
    connection.execute(insert(table).values(**values))
    return 1


def _withdrawals(connection: Connection, submission: int) -> list[dict[str, Any]]:
    columns = withdrawals.c.at, withdrawals.c.withdrawn, withdrawals.c.reason
    of = withdrawals.c.submission == submission
    found = connection.execute(select(*columns).where(of).order_by(withdrawals.c.id))
    return [dict(row) for row in found.mappings()]


def _runs(connection: Connection, submission: int) -> list[dict[str, Any]]:
    of = runs.c.submission == submission
    found = connection.execute(select(runs.c.id, runs.c.added_at).where(of).order_by(runs.c.id))
    return [{"added_at": row.added_at, "record": record(connection, row.id)} for row in found.all()]


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, allow_nan=False) + "\n"
