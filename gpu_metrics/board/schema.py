"""The tables of a board."""

from datetime import UTC, datetime

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from gpu_metrics.errors import InputError

# raise it when the tables change; a release refuses boards of a layout that it does not know
SCHEMA = 2

metadata = MetaData()

board = Table("board", metadata, Column("schema_version", Integer, nullable=False))

profiles = Table(
    "profiles",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("text", Text, nullable=False),
)

teams = Table(
    "teams",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

submissions = Table(
    "submissions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("team", ForeignKey("teams.id"), nullable=False),
    Column("phase", Text, nullable=False),
    Column("at", String(27), nullable=False),
    Column("name", Text, nullable=False),
    # hash of the run record that brought it, so that none is added twice
    Column("record_sha256", String(64), nullable=False),
    # hash over the hashes of its files, by which later runs find it
    Column("files_sha256", String(64)),
    UniqueConstraint("team", "phase", "record_sha256"),
    Index("submissions_of_phase", "phase", "team"),
    Index("submissions_by_files", "phase", "files_sha256"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("submission", ForeignKey("submissions.id"), nullable=False),
    Column("profile", ForeignKey("profiles.digest"), nullable=False),
    Column("added_at", String(27), nullable=False),
    Column("record_sha256", String(64), nullable=False),
    # two things beside the profile that all runs of a standing should share
    Column("engine", Text),
    Column("reference_sha256", Text),
    # the value that ranks; absent where the run is partial
    Column("value", Double),
    # means and scores, then the rest of the record but its images, as JSON
    Column("numbers", Text, nullable=False),
    Column("rest", Text, nullable=False),
    UniqueConstraint("submission", "record_sha256"),
    # covers what ranks, so that no record is read for it
    Index("runs_ranked", "profile", "submission", "id", "value"),
)

images = Table(
    "images",
    metadata,
    Column("run", ForeignKey("runs.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("row", Text, nullable=False),
)

marks = Table(
    "marks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("team", ForeignKey("teams.id"), nullable=False),
    Column("phase", Text, nullable=False),
    Column("at", String(27), nullable=False),
    Column("struck", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
)

# since layout 2
withdrawals = Table(
    "withdrawals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("submission", ForeignKey("submissions.id"), nullable=False, index=True),
    Column("at", String(27), nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
)


def stamp(at: datetime) -> str:
    """A moment as it is stored: UTC with microseconds, so that text sorts as time does."""
    if at.tzinfo is None:
        raise InputError(
            f"at: expected a time with its zone, such as 2026-03-01T12:00:00Z, got {at.isoformat()}"
        )
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime:
    """The moment that `stamp` wrote."""
    return datetime.fromisoformat(text)
