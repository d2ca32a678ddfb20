"""The places of a board under resampled images."""

from gpu_metrics.board.store import Board
from gpu_metrics.board.view import Standing
from gpu_metrics.errors import InputError
from gpu_metrics.ranking.bootstrap import DRAWS, Sample, Values, resamples
from gpu_metrics.ranking.trust import Trust, trust


def drawn(
    board: Board, standing: Standing, *, draws: int = DRAWS, seed: int = 0
) -> dict[str, Values]:
    """Every named value in each draw, `(draws, teams)` with the teams in the order of the board.

    Raises:
        InputError: A run came without rows of images, or teams have different images.
    """
    rows = board.rows(place.run for place in standing.places)
    teams = {place.team: rows[place.run] for place in standing.places}
    if bare := [team for team, found in teams.items() if not found]:
        raise InputError(f"the run of {bare[0]!r} has no rows of images to draw from")
    sample = Sample(standing.profile, teams)
    return sample.scores(resamples(sample.images, draws=draws, seed=seed))


def trust_in(board: Board, standing: Standing, *, draws: int = DRAWS, seed: int = 0) -> Trust:
    """How far the order of a board can be trusted, since another set of images was possible."""
    ranking = standing.profile.ranking
    return trust(
        drawn(board, standing, draws=draws, seed=seed)[ranking.by],
        higher_is_better=ranking.higher_is_better,
        items=len(board.run(standing.places[0].run).images),
    )
