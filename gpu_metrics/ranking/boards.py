"""The places of a board under resampled images."""

from collections.abc import Sequence

from gpu_metrics.board.store import Board
from gpu_metrics.board.view import Standing
from gpu_metrics.errors import InputError
from gpu_metrics.ranking.bootstrap import DRAWS, Sample, Source, resamples
from gpu_metrics.ranking.trust import Trust, trust


def drawn(
    board: Board, standing: Standing, *, draws: int = DRAWS, seed: int | Sequence[int] = 0
) -> Source:
    """Every named value in each draw of the images, teams in the order of the standing.

    Raises:
        InputError: A run came without rows of images, or teams have different images.
    """
    rows = board.rows(place.run for place in standing.places)
    teams = {place.team: rows[place.run] for place in standing.places}
    if bare := [team for team, found in teams.items() if not found]:
        raise InputError(f"the run of {bare[0]!r} has no rows of images to draw from")
    sample = Sample(standing.profile, teams)
    values = sample.scores(resamples(sample.images, draws=draws, seed=seed))
    return Source(standing.phase, sample.images, values)


def trust_in(board: Board, standing: Standing, *, draws: int = DRAWS, seed: int = 0) -> Trust:
    """How far the order of a board can be trusted, since another set of images was possible."""
    ranking = standing.profile.ranking
    source = drawn(board, standing, draws=draws, seed=seed)
    return trust(
        source.values[ranking.by],
        higher_is_better=ranking.higher_is_better,
        items=source.items,
    )
