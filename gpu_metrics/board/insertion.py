"""How submissions and runs become rows of the tables, each record once."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from gpu_metrics.board.schema import images, profiles, runs, stamp, submissions, teams
from gpu_metrics.errors import InputError
from gpu_metrics.names import printable
from gpu_metrics.profiles import Profile
from gpu_metrics.results import Run


@dataclass(frozen=True, slots=True)
class Added:
    """A submission on the board, and whether it is new or was there already."""

    submission: int
    new: bool


def insert_submission(
    connection: Connection,
    run: Run,
    profile: Profile,
    *,
    team: str,
    phase: str,
    at: datetime,
    added_at: datetime,
) -> Added:
    """Insert a submission with its first run, unless that team and phase have it already."""
    team, phase = line("team", team), line("phase", phase)
    number = connection.scalar(select(teams.c.id).where(teams.c.name == team))
    if number is None:
        number = _insert(connection, teams, name=team)
    record = asdict(run)
    sha256 = _sha256(record)
    known = connection.scalar(
        select(submissions.c.id).where(
            submissions.c.team == number,
            submissions.c.phase == phase,
            submissions.c.record_sha256 == sha256,
        )
    )
    if known is not None:
        return Added(known, new=False)
    submission = _insert(
        connection,
        submissions,
        team=number,
        phase=phase,
        at=stamp(at),
        name=printable(run.submission),
        record_sha256=sha256,
        files_sha256=files_sha256(run),
    )
    _append(connection, submission, run, record, sha256, profile, added_at)
    return Added(submission, new=True)


def insert_run(
    connection: Connection, submission: int, run: Run, profile: Profile, *, added_at: datetime
) -> bool:
    """Append a run to a submission; False where it has this very record."""
    record = asdict(run)
    sha256 = _sha256(record)
    same = runs.c.submission == submission, runs.c.record_sha256 == sha256
    if connection.scalar(select(runs.c.id).where(*same)) is not None:
        return False
    _append(connection, submission, run, record, sha256, profile, added_at)
    return True


def _append(
    connection: Connection,
    submission: int,
    run: Run,
    record: dict[str, Any],
    sha256: str,
    profile: Profile,
    added_at: datetime,
) -> None:
    if run.profile.digest != profile.digest:
        raise InputError(
            f"{run.submission}: scored by {run.profile.name} {run.profile.version} (digest "
            f"{run.profile.digest:.12}), not by {profile.name} {profile.version} "
            f"({profile.digest:.12}); name the profile that scored it"
        )
    digests = select(profiles.c.digest).where(profiles.c.digest == profile.digest)
    if connection.scalar(digests) is None:
        values = {"name": profile.name, "version": profile.version, "text": profile.text}
        connection.execute(insert(profiles).values(digest=profile.digest, **values))
    rows = record.pop("images")
    numbers = {name: record.pop(name) for name in ("means", "scores")}
    number = _insert(
        connection,
        runs,
        submission=submission,
        profile=profile.digest,
        added_at=stamp(added_at),
        record_sha256=sha256,
        engine=_text(run, "engine"),
        reference_sha256=_text(run, "reference_sha256"),
        value=run.scores.get(profile.ranking.by) if run.status == "complete" else None,
        numbers=json.dumps(numbers, allow_nan=False),
        rest=json.dumps(record, allow_nan=False),
    )
    if rows:
        connection.execute(
            insert(images),
            [
                {"run": number, "position": position, "row": json.dumps(row, allow_nan=False)}
                for position, row in enumerate(rows)
            ],
        )


def files_sha256(run: Run) -> str | None:
    """SHA-256 over the hashes of a submission's files by image; None where the record has none."""
    files = run.provenance.get("files")
    if not files or not isinstance(files, Mapping):
        return None
    hashes = {id_: isinstance(e, Mapping) and e.get("sha256") for id_, e in files.items()}
    return _sha256(hashes) if all(hashes.values()) else None


def _text(run: Run, fact: str) -> str | None:
    value = run.provenance.get(fact)
    return value if isinstance(value, str) else None


def _sha256(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _insert(connection: Connection, table: Table, **values: Any) -> int:
    statement = insert(table).values(**values).returning(table.c.id)
    return int(connection.execute(statement).scalar_one())


def line(what: str, text: str, *, longest: int = 100) -> str:
    """`text` without spaces around it; InputError where it is empty, long or more than a line."""
    text = text.strip()
    if not (text.isprintable() and 0 < len(text) <= longest):
        raise InputError(
            f"{what}: expected one line of 1 to {longest} characters, got {printable(text)!r}"
        )
    return text
