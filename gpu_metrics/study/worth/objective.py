"""What metrics say of the teams that a jury judged, over all images and in each scene."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from gpu_metrics.board.store import Board
from gpu_metrics.board.view import standing
from gpu_metrics.errors import InputError, ProfileError
from gpu_metrics.profiles import Profile
from gpu_metrics.ranking.arrays import evaluate
from gpu_metrics.results import Run
from gpu_metrics.score import Row

Table = Float64[np.ndarray, "scenes teams"]


@dataclass(frozen=True, slots=True)
class Objective:
    """Means and values of the formula by team, and the rows of each team's images.

    A team may have no rows, where its run came without them.
    """

    profile: Profile
    values: Mapping[str, Mapping[str, float | None]]
    rows: Mapping[str, Sequence[Row]]

    @classmethod
    def of_board(cls, board: Board, phase: str, profile: str | None = None) -> "Objective":
        """The teams of a phase, each by the submission that counts there."""
        shown = standing(board, phase, profile=profile)
        rows = board.rows(place.run for place in shown.places)
        return cls(
            shown.profile,
            {place.team: place.values for place in shown.places},
            {place.team: rows[place.run] for place in shown.places},
        )

    @classmethod
    def of_runs(cls, runs: Mapping[str, Run], profile: Profile) -> "Objective":
        """Run records by team; InputError where one is partial or was scored by other rules."""
        for team, run in runs.items():
            if run.profile.digest != profile.digest:
                raise InputError(
                    f"the run of {team!r}: expected the rules of {profile.name} "
                    f"({profile.digest[:12]}), got {run.profile.name} ({run.profile.digest[:12]})"
                )
            if run.status == "partial":
                raise InputError(f"the run of {team!r}: expected a complete one, got a partial one")
        return cls(
            profile,
            {team: {**run.means, **run.scores} for team, run in runs.items()},
            {team: [(i.id, i.values, i.pixels) for i in run.images] for team, run in runs.items()},
        )

    @property
    def directions(self) -> dict[str, bool]:
        """Every measure and the value that ranks, and whether higher is better."""
        ranking = self.profile.ranking
        known = {n: m.catalogued.higher_is_better for n, m in self.profile.measures.items()}
        return known | {ranking.by: ranking.higher_is_better}

    def column(self, name: str, teams: Sequence[str]) -> Float64[np.ndarray, "teams"]:
        """A mean or value of each team, NaN where it has none."""
        return np.array([_number(self.values[team].get(name)) for team in teams])

    def images(
        self, teams: Sequence[str], scenes: Sequence[str]
    ) -> tuple[dict[str, Table], str | None]:
        """Values of the images of scenes by name, NaN where not scored.

        Values of the formula are those of the formula applied to one image alone; where that is
        undefined they are left out, and the second of the pair says why.
        """
        rows = [{id_: values for id_, values, _ in self.rows.get(team, ())} for team in teams]
        known = {
            name: np.array([[_number(row.get(s, {}).get(name)) for row in rows] for s in scenes])
            for name in self.profile.measures
        }
        try:
            for name, expression in (
                *self.profile.per_image.items(),
                *self.profile.formula.items(),
            ):
                value = evaluate(expression, known)
                known[name] = np.broadcast_to(value, (len(scenes), len(teams)))
        except ProfileError as error:
            return known, f"no score of single images: {error}"
        return known, None


def _number(value: float | None) -> float:
    return np.nan if value is None else value
