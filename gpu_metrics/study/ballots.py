"""A juror's choice on one screen, and what makes it count."""

from collections.abc import Collection

from pydantic import Field

from gpu_metrics.errors import InputError
from gpu_metrics.study.manifest import Manifest, Showing, Token
from gpu_metrics.study.model import Document

LONGEST_COMMENT = 2000


class Ballot(Document):
    """What a juror cast on a screen, in tokens.

    Args:
        screen: The id of the screen.
        picks: The candidates picked; the best first where `ordered`, else in no order.
        ordered: Whether the juror put the picks in order.
        tags: The dimensions that decided, any number of those in the rules.
        comment: What the juror wrote, at most 2000 characters.
        seconds: How long the screen was looked at.
    """

    screen: str
    picks: tuple[Token, ...]
    ordered: bool
    tags: tuple[str, ...] = ()
    comment: str = Field(default="", max_length=LONGEST_COMMENT)
    seconds: float = Field(ge=0)


class Cast(Document):
    """A ballot that was accepted: whose it is, and when it was received, in UTC."""

    juror: str
    ballot: Ballot
    received: str


def check_ballot(ballot: Ballot, juror: str, manifest: Manifest) -> Showing:
    """What the juror was shown; InputError unless the ballot answers it.

    Exactly as many different candidates as the rules ask for, all of them on the juror's own
    screen, and tags that the rules name.
    """
    showing = next((s for s in manifest.seats[juror].showings if s.screen == ballot.screen), None)
    if showing is None:
        raise InputError("screen: not one of yours")
    best = manifest.rules.best
    if len(ballot.picks) != best:
        raise InputError(f"picks: expected {best} candidates, got {len(ballot.picks)}")
    _check_among("picks", ballot.picks, showing.order)
    _check_among("tags", ballot.tags, manifest.rules.dimensions)
    return showing


def _check_among(what: str, given: Collection[str], known: Collection[str]) -> None:
    if any(item not in known for item in given):
        raise InputError(f"{what}: expected some of those on the screen")
    if len({*given}) != len(given):
        raise InputError(f"{what}: expected each once")
