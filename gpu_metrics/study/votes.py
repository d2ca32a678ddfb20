"""Ballots with their names put back: who was shown, and who was picked."""

from collections.abc import Iterable
from dataclasses import dataclass

from gpu_metrics.errors import InputError
from gpu_metrics.study.ballots import Cast, check_ballot
from gpu_metrics.study.manifest import Key, Kind, Manifest, sha256


@dataclass(frozen=True, slots=True)
class Vote:
    """What a juror picked in a scene.

    `shown` are the teams in the order of the tiles, `picks` the best first where `ordered`.
    """

    juror: str
    scene: str
    kind: Kind
    shown: tuple[str, ...]
    picks: tuple[str, ...]
    ordered: bool
    tags: tuple[str, ...]
    comment: str
    seconds: float
    received: str


def unblind(manifest: Manifest, key: Key, cast: Iterable[Cast]) -> list[Vote]:
    """The votes behind ballots, jurors by name.

    Raises:
        InputError: The key is not the one that the manifest was made with, or a ballot does not
            answer what its juror was shown.
    """
    check_key(key, manifest)
    votes = []
    for item in cast:
        ballot = item.ballot
        if item.juror not in manifest.seats:
            raise InputError(f"ballots: {item.juror!r} has no seat in this study")
        showing = check_ballot(ballot, item.juror, manifest)
        votes.append(
            Vote(
                juror=key.jurors[item.juror].name,
                scene=key.scenes[ballot.screen],
                kind=manifest.screens[ballot.screen].kind,
                shown=tuple(key.teams[token] for token in showing.order),
                picks=tuple(key.teams[token] for token in ballot.picks),
                ordered=ballot.ordered,
                tags=ballot.tags,
                comment=ballot.comment,
                seconds=ballot.seconds,
                received=item.received,
            )
        )
    return votes


def check_key(key: Key, manifest: Manifest) -> None:
    """Raise InputError unless a key is the one that a manifest was made with."""
    if sha256(key.to_json()) != manifest.key_sha256:
        raise InputError("key: not the one that this study was made with")
