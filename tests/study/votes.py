"""Votes of simulated juries, and juries of votes."""

import numpy as np

from gpu_metrics.ranking.jury import Jury
from gpu_metrics.study.votes import Vote


def vote(juror, scene, shown, picks, *, kind="vote", ordered=False, seconds=10.0, tags=()):
    return Vote(
        juror, scene, kind, tuple(shown), tuple(picks), ordered, tuple(tags), "", seconds, "now"
    )


def simulated_votes(
    strengths, *, jurors=6, scenes=50, best=3, ordered=False, hidden=0, seed=0
) -> list[Vote]:
    """Votes by Plackett and Luce on tiles in random order.

    Of each screen so many teams are hidden, others for every juror.
    """
    draw = np.random.default_rng(seed)
    teams = np.array([f"team {chr(ord('a') + i)}" for i in range(len(strengths))])
    worth = np.asarray(strengths, float)
    votes = []
    for juror in range(jurors):
        for scene in range(scenes):
            shown = [t for t in draw.permutation(len(teams)) if (t - juror) % len(teams) >= hidden]
            level = worth[shown] + draw.gumbel(size=len(shown))
            picks = np.array(shown)[np.argsort(-level)[:best]]
            picks = picks if ordered else draw.permutation(picks)
            votes.append(
                vote(f"juror {juror}", f"{scene:03d}", teams[shown], teams[picks], ordered=ordered)
            )
    return votes


def jury_of(votes, teams=None) -> Jury:
    """The votes as arrays."""
    jurors, scenes = sorted({v.juror for v in votes}), sorted({v.scene for v in votes})
    teams = teams or sorted({team for v in votes for team in v.shown})
    shown = np.zeros((len(jurors), len(scenes), len(teams)), bool)
    picked = np.zeros_like(shown)
    for v in votes:
        place = jurors.index(v.juror), scenes.index(v.scene)
        shown[place][[teams.index(team) for team in v.shown]] = True
        picked[place][[teams.index(team) for team in v.picks]] = True
    return Jury(tuple(jurors), tuple(scenes), tuple(teams), shown, picked)
