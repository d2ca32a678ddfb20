"""Votes of simulated juries, with all that ballots say."""

from dataclasses import replace

import numpy as np

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


def renamed(votes) -> list[Vote]:
    """The same votes under names of jurors and teams that sort the other way round."""
    jurors = sorted({v.juror for v in votes})
    teams = sorted({team for v in votes for team in v.shown})
    of_juror = {name: f"seat {99 - index}" for index, name in enumerate(jurors)}
    of_team = {name: f"group {99 - index}" for index, name in enumerate(teams)}
    return [
        replace(
            v,
            juror=of_juror[v.juror],
            shown=tuple(of_team[team] for team in v.shown),
            picks=tuple(of_team[team] for team in v.picks),
        )
        for v in votes
    ]
