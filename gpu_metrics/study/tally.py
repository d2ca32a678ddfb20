"""The picks of a study's ballots, counted as a contest says."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gpu_metrics.contests import Contest, contest_names, load_contest
from gpu_metrics.errors import InputError
from gpu_metrics.ranking.bootstrap import DRAWS
from gpu_metrics.ranking.jury import Jury, drawn_picks, picks
from gpu_metrics.ranking.trust import CONFIDENCE, intervals
from gpu_metrics.ranking.votes import Votes, jury_scores, rules_of
from gpu_metrics.study.ballots import Cast
from gpu_metrics.study.manifest import BALLOTS, Key, Manifest, Rules
from gpu_metrics.study.store import BallotStore
from gpu_metrics.study.votes import Vote, unblind

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Counted:
    """A team's picks.

    `picked` of `shown` ballots that showed the team picked it; `picks` is what the rules make of
    that, `score` what the contest makes of those. Intervals are None where nothing can be drawn.
    """

    team: str
    picked: int
    shown: int
    picks: float
    score: float
    picks_interval: Interval | None
    score_interval: Interval | None

    @property
    def share(self) -> float:
        """The share of ballots that picked the team, of those that showed it."""
        return self.picked / self.shown


@dataclass(frozen=True, slots=True)
class Tally:
    """The count of a study: teams by their picks, most first.

    `missing` says how many ballots each seat still owes. Intervals hold with the `confidence`,
    had chance brought other scenes and other jurors.
    """

    contest: Contest
    jury: Jury
    teams: tuple[Counted, ...]
    missing: Mapping[str, int]
    draws: int
    confidence: float
    remarks: tuple[str, ...]

    def to_csv(self) -> str:
        """The votes as `gpu-metrics final --given` reads them: a line for every team shown."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["scene", "juror", "team", rules_of(self.contest).gives])
        jury = self.jury
        for scene, juror, team in np.argwhere(jury.shown.transpose(1, 0, 2)):
            names = jury.scenes[scene], jury.jurors[juror], jury.teams[team]
            writer.writerow([*names, int(jury.picked[juror, scene, team])])
        return out.getvalue()


def contest_of(rules: Rules, given: str | Path | None = None) -> Contest:
    """The contest to count ballots by: the one given, or else the one that a study was made under.

    Args:
        rules: Those of the study's manifest.
        given: A name, or the path of a .toml file; it may be another contest.

    Raises:
        InputError: None is given, and the study's own was read from a file or has changed since.
        ProfileError: A contest cannot be read.
    """
    if given is not None:
        return load_contest(given)
    if rules.contest not in contest_names():
        raise InputError(
            f"{rules.contest}: no contest of this name comes with the package; give the file that "
            "the study was built with as --contest FILE"
        )
    contest = load_contest(rules.contest)
    if unlike := _unlike(contest, rules):
        raise InputError(f"{unlike}; give these with --contest FILE")
    return contest


def ballots_of(study: Path, manifest: Manifest) -> list[Cast]:
    """All ballots in the folder of a study; InputError where none has ever been cast."""
    if not (path := study / BALLOTS).is_file():
        raise InputError(f"{path}: no ballot has been cast")
    with BallotStore(path, manifest) as store:
        return store.all()


def tally(
    manifest: Manifest,
    key: Key,
    cast: Iterable[Cast],
    contest: Contest,
    *,
    names: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
) -> Tally:
    """Count the ballots of a study under the rules of a contest; practice and repeats do not count.

    Args:
        manifest, key: The study.
        cast: Its ballots, of some jurors and screens or of all.
        contest: One with a jury that picks as many as the study asked for.
        names: Jurors by their names instead of their seats' ids.
        draws, seed: Of scenes and jurors, for intervals. 0 for none.

    Raises:
        InputError: The key is another study's, no ballot counts, or the contest has no jury,
            another number of picks, or a score that needs more than votes.
    """
    rules, cast = rules_of(contest), list(cast)
    if rules.best != manifest.rules.best:
        raise InputError(
            f"{contest.name}: its jurors pick {rules.best}, those of the study "
            f"{manifest.rules.best}"
        )
    votes = [
        vote if names else replace(vote, juror=item.juror)
        for item, vote in zip(cast, unblind(manifest, key, cast), strict=True)
        if vote.kind == "vote"
    ]
    if not votes:
        raise InputError("ballots: none that counts; expected one on a screen that is voted on")
    jury = jury_of(votes)
    missing = _missing(manifest, cast)
    unlike = _unlike(contest, manifest.rules)
    remarks = [
        *([unlike] if unlike else []),
        *(
            f"{team} is on no ballot yet, and is not counted"
            for team in sorted({*key.teams.values()} - {*jury.teams})
        ),
        *(
            f"{key.jurors[seat].name if names else seat} has {owed} ballot{'s' * (owed != 1)} "
            "still to cast"
            for seat, owed in missing.items()
            if owed
        ),
    ]
    several = min(len(jury.jurors), len(jury.scenes)) > 1
    if draws:
        remarks += Votes.under(contest, jury).remarks
    return Tally(
        contest=contest,
        jury=jury,
        teams=_counted(contest, jury, draws=draws if several else 0, seed=seed),
        missing=missing,
        draws=draws if several else 0,
        confidence=CONFIDENCE,
        remarks=tuple(remarks),
    )


def jury_of(votes: Iterable[Vote]) -> Jury:
    """Votes as arrays; the jurors, scenes and teams that are on ballots, sorted by name."""
    votes = list(votes)
    jurors = sorted({vote.juror for vote in votes})
    scenes = sorted({vote.scene for vote in votes})
    teams = sorted({team for vote in votes for team in vote.shown})
    shown = np.zeros((len(jurors), len(scenes), len(teams)), bool)
    picked = shown.copy()
    for vote in votes:
        at = jurors.index(vote.juror), scenes.index(vote.scene)
        shown[at] = [team in vote.shown for team in teams]
        picked[at] = [team in vote.picks for team in teams]
    return Jury(tuple(jurors), tuple(scenes), tuple(teams), shown, picked)


def _unlike(contest: Contest, rules: Rules) -> str | None:
    """That a contest is not the one that a study was made under, where so."""
    if contest.digest == rules.digest:
        return None
    return (
        f"{contest.name}: not the rules that the study was made under "
        f"({contest.digest[:12]}, not {rules.digest[:12]})"
    )


def _counted(contest: Contest, jury: Jury, *, draws: int, seed: int) -> tuple[Counted, ...]:
    rules = rules_of(contest)
    counted = picks(jury, rules)
    scores = jury_scores(contest, jury, counted)
    of_picks: Sequence[Interval | None] = [None] * len(jury.teams)
    of_scores = of_picks
    if draws:
        drawn, items = drawn_picks(jury, rules, draws=draws, seed=seed)
        of_picks = intervals(drawn, items=items)
        of_scores = intervals(jury_scores(contest, jury, drawn), items=items)
    return tuple(
        Counted(
            team=jury.teams[index],
            picked=int(jury.picked[:, :, index].sum()),
            shown=int(jury.shown[:, :, index].sum()),
            picks=float(counted[index]),
            score=float(scores[index]),
            picks_interval=of_picks[index],
            score_interval=of_scores[index],
        )
        for index in np.argsort(-counted, kind="stable").tolist()
    )


def _missing(manifest: Manifest, cast: Iterable[Cast]) -> dict[str, int]:
    """How many ballots that count each seat owes."""
    done = {(item.juror, item.ballot.screen) for item in cast}
    return {
        id_: sum(
            manifest.screens[showing.screen].kind == "vote" and (id_, showing.screen) not in done
            for showing in seat.showings
        )
        for id_, seat in manifest.seats.items()
    }
