"""What is shown to whom, in tokens alone: all that a server of a study needs to know."""

import hashlib
from hmac import compare_digest
from typing import Literal

from pydantic import Field

from gpu_metrics.study.model import Document

MANIFEST, IMAGES, BALLOTS = "manifest.json", "images", "ballots.sqlite"

Token = str
Kind = Literal["practice", "vote", "repeat"]


class Rules(Document):
    """How a juror votes: how many candidates to pick, and the dimensions to judge by."""

    contest: str
    digest: str
    best: int = Field(ge=1)
    dimensions: tuple[str, ...]


class Screen(Document):
    """One scene on a screen: its input image and all candidates, by token.

    `practice` screens come first and count for nothing; a `repeat` shows a scene again, under
    other tokens, to see whether a juror picks the same. Jurors are told of practice alone.
    `candidates` are sorted by token, which says nothing about them.
    """

    kind: Kind
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    input: Token
    candidates: tuple[Token, ...]


class Showing(Document):
    """A screen as one juror sees it: its candidates in the order of the tiles.

    A candidate of a team that the juror is tied to is not among them.
    """

    screen: str
    order: tuple[Token, ...]


class Seat(Document):
    """A juror: the hash of the invitation, and the screens in the order they are shown."""

    invitation_sha256: str
    showings: tuple[Showing, ...]


class Manifest(Document):
    """A study as it is served and may be published: it names no team, scene or juror.

    `key_sha256` is the hash of the key's bytes, so that nobody can change afterwards what a token
    stood for; `images` has the hash of every file by token. `screens` and `seats` are by id.
    """

    schema_version: Literal[1] = 1
    title: str
    rules: Rules
    key_sha256: str
    organiser_sha256: str
    screens: dict[str, Screen]
    seats: dict[str, Seat]
    images: dict[Token, str]

    @property
    def sha256(self) -> str:
        """What to publish before the first vote: the hash of the file."""
        return sha256(self.to_json())

    def seat_of(self, invitation: str) -> str | None:
        """The id of the juror who holds an invitation."""
        given = sha256(invitation)
        # every seat is compared, so that the time taken tells nothing
        found = [id_ for id_, s in self.seats.items() if compare_digest(s.invitation_sha256, given)]
        return found[0] if found else None


class Juror(Document):
    """Who a juror is: a name, the teams that are never shown to them, and their invitation."""

    name: str
    tied_to: tuple[str, ...]
    invitation: str


class Key(Document):
    """What the tokens of a manifest stand for; kept apart from it until all votes are cast.

    Args:
        secret: What tokens are made with, 32 bytes in hexadecimal.
        seed: What scenes were drawn with.
        scenes: The scene of each screen.
        teams: The team of each candidate's token.
        jurors: By the ids of `Manifest.seats`.
        organiser: The token of the page that shows progress.
    """

    schema_version: Literal[1] = 1
    secret: str
    seed: int
    scenes: dict[str, str]
    teams: dict[Token, str]
    jurors: dict[str, Juror]
    organiser: str


def sha256(text: str) -> str:
    """The hash of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
