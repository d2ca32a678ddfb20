"""What the count of a jury's picks is worth, all in one."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from gpu_metrics.contests import Contest
from gpu_metrics.errors import InputError
from gpu_metrics.ranking.bootstrap import DRAWS
from gpu_metrics.ranking.jury import drawn_picks, picks
from gpu_metrics.ranking.trust import CONFIDENCE
from gpu_metrics.ranking.votes import jury_scores, rules_of
from gpu_metrics.study.tally import jury_of
from gpu_metrics.study.votes import Vote
from gpu_metrics.study.worth.agreement import Agreement, agreement
from gpu_metrics.study.worth.correlation import Correlations, correlate
from gpu_metrics.study.worth.influence import Dropped, influence
from gpu_metrics.study.worth.judged import Judged, judged
from gpu_metrics.study.worth.objective import Objective
from gpu_metrics.study.worth.positions import Pace, Positions, paces, position_bias
from gpu_metrics.study.worth.repeats import Consistency, consistency
from gpu_metrics.study.worth.strengths import PRIOR, choices


@dataclass(frozen=True, slots=True)
class Comment:
    """What a juror wrote on a scene, and whom they picked there."""

    juror: str
    scene: str
    picks: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Worth:
    """Everything that is known of a jury's votes; teams from the first to the last.

    `connected` says whether strengths would be bounded without the `prior`; see `strengths`.
    """

    contest: str
    digest: str
    jurors: int
    scenes: int
    ballots: int
    draws: int
    confidence: float
    teams: tuple[Judged, ...]
    prior: float
    connected: bool
    agreement: Agreement
    consistency: tuple[Consistency, ...]
    influence: tuple[Dropped, ...]
    positions: Positions
    paces: tuple[Pace, ...]
    tags: Mapping[str, int]
    correlations: Correlations | None
    comments: tuple[Comment, ...]
    remarks: tuple[str, ...]

    def to_json(self) -> str:
        """All of it with all digits; None as null."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def weigh(
    votes: Sequence[Vote],
    contest: Contest,
    *,
    objective: Objective | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    remarks: Iterable[str] = (),
) -> Worth:
    """What votes are worth under the rules of a contest.

    Args:
        votes: Of all kinds; practice counts for nothing, repeats for consistency and positions.
        contest: One with a jury, whose score needs nothing but its votes.
        objective: Metrics to correlate with the votes.
        draws: Of scenes and jurors, for intervals; strengths take at most 500. 0 for none.
        seed: Another seed, other draws.
        remarks: What a reader must know beside what is found here.

    Raises:
        InputError: There is no vote, or the contest does not say how to count them.
    """
    rules = rules_of(contest)
    counted = [vote for vote in votes if vote.kind == "vote"]
    if not counted:
        raise InputError("votes: expected at least one on a screen that counts, got none")
    jury, notes = jury_of(counted), [*remarks]
    counts = picks(jury, rules)
    drawn, items = None, math.inf
    if min(len(jury.jurors), len(jury.scenes)) < 2:
        notes.append("a single juror or scene gives no intervals")
    elif draws:
        drawn, items = drawn_picks(jury, rules, draws=draws, seed=seed)
    ballots = choices(counted, jury.teams)
    dropped = influence(
        jury, lambda others: picks(others, rules), lambda c: jury_scores(contest, jury, c)
    )
    return Worth(
        contest=f"{contest.name} {contest.version}",
        digest=contest.digest,
        jurors=len(jury.jurors),
        scenes=len(jury.scenes),
        ballots=len(counted),
        draws=0 if drawn is None else len(drawn),
        confidence=CONFIDENCE,
        teams=judged(contest, jury, counts, counted, ballots, drawn=drawn, items=items, seed=seed),
        prior=PRIOR,
        connected=ballots.connected,
        agreement=agreement(jury, draws=draws, seed=seed),
        consistency=tuple(consistency(votes)),
        influence=tuple(dropped),
        positions=position_bias(votes),
        paces=tuple(paces(votes)),
        tags={name: sum(name in vote.tags for vote in counted) for name in rules.dimensions},
        correlations=None
        if objective is None
        else correlate(jury, counts, objective, drawn=drawn, items=items, draws=draws, seed=seed),
        comments=tuple(
            Comment(v.juror, v.scene, v.picks, v.comment) for v in counted if v.comment.strip()
        ),
        remarks=tuple(notes),
    )
