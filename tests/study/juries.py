"""Juries whose tastes are known: each pick follows Plackett and Luce, with gumbels."""

import numpy as np

from gpu_metrics.ranking.jury import Jury


def simulated_jury(
    strengths, *, jurors=6, scenes=50, best=3, of_jurors=0.0, of_scenes=0.0, seed=0
) -> Jury:
    """A jury over teams of known log strengths, who see every team in every scene.

    `of_jurors` and `of_scenes` are the standard deviations by which a strength differs from juror
    to juror and from scene to scene.
    """
    draw = np.random.default_rng(seed)
    teams = len(strengths)
    worth = (
        np.asarray(strengths, float)
        + draw.normal(0, 1, (jurors, 1, teams)) * of_jurors
        + draw.normal(0, 1, (1, scenes, teams)) * of_scenes
        + draw.gumbel(size=(jurors, scenes, teams))
    )
    places = np.argsort(np.argsort(-worth, axis=-1), axis=-1)
    return Jury(
        jurors=tuple(f"juror {i}" for i in range(jurors)),
        scenes=tuple(f"{i:03d}" for i in range(scenes)),
        teams=tuple(f"team {chr(ord('a') + i)}" for i in range(teams)),
        shown=np.ones(worth.shape, bool),
        picked=places < best,
    )
