import math

import numpy as np
import pytest
from scipy import stats

from gpu_metrics.errors import InputError
from gpu_metrics.ranking.trust import effective_items, percentile_level, place_shares, trust


def draws_about(*levels, spread=0.1, draws=4000):
    generator = np.random.Generator(np.random.PCG64(0))
    return np.array(levels) + generator.normal(0, spread, (draws, len(levels)))


def groups(*levels):
    return trust(draws_about(*levels), higher_is_better=True, items=1000).groups


def test_teams_far_apart_stand_alone():
    found = trust(draws_about(3, 2, 1), higher_is_better=True, items=100)
    assert found.places == ((1, 1), (2, 2), (3, 3))
    assert found.ahead == (1.0, 1.0, None)
    assert found.groups == ("a", "b", "c")
    assert (found.draws, found.left_out) == (4000, 0)


@pytest.mark.parametrize("higher", [True, False])
def test_equal_teams_share_the_chances_of_their_places(higher):
    scores = np.array([[2.0, 2.0, 1.0], [3.0, 1.0, 2.0], [math.nan, 1.0, 2.0]])
    found = place_shares(scores if higher else -scores, higher_is_better=higher)
    assert found.tolist() == [[0.75, 0.25, 0.0], [0.25, 0.25, 0.5], [0.0, 0.5, 0.5]]


def test_a_chain_shares_letters_link_by_link():
    # neighbours are 0.2 apart with a spread of 0.14, ends 0.4
    assert groups(3.0, 2.8, 2.6) == ("a", "ab", "b")
    assert groups(3.0, 2.95, 2.9) == ("a", "a", "a")
    assert groups(3.0, 2.95, 2.0, 1.95) == ("a", "a", "b", "b")


def test_lower_may_be_better():
    values = draws_about(1, 2, 3)
    low = trust(values, higher_is_better=False, items=100)
    high = trust(-values, higher_is_better=True, items=100)
    assert (low.places, low.ahead, low.groups) == (high.places, high.ahead, high.groups)
    assert low.intervals[0] == pytest.approx((-high.intervals[0][1], -high.intervals[0][0]))


def test_equal_scores_keep_the_order_of_the_board_and_lead_half_of_the_time():
    values = draws_about(2, 1)[:, [0, 0, 1]]
    found = trust(values, higher_is_better=True, items=100)
    assert found.ahead == (0.5, 1.0, None)
    assert found.places == ((1, 1), (2, 2), (3, 3))
    assert found.groups == ("a", "a", "b")


def test_places_cover_what_draws_say():
    values = np.array([[2.0, 1.0, 0.0]] * 60 + [[0.0, 2.0, 1.0]] * 40)
    found = trust(values, higher_is_better=True, items=1000)
    assert found.places == ((1, 3), (1, 2), (2, 3))
    assert found.ahead == (0.6, 1.0, None)


def test_the_only_team_has_an_interval_and_no_next():
    found = trust(draws_about(5), higher_is_better=True, items=10)
    assert (found.places, found.ahead, found.groups) == (((1, 1),), (None,), ("a",))
    assert found.intervals[0][0] < 5 < found.intervals[0][1]


def test_draws_without_a_score_are_left_out_and_counted():
    values = draws_about(3, 2)
    values[:100, 1] = math.nan
    found = trust(values, higher_is_better=True, items=50)
    assert (found.draws, found.left_out) == (3900, 100)
    assert np.isfinite(found.intervals).all()


def test_refuses_when_most_draws_have_no_score():
    values = draws_about(3, 2)
    values[:2000, 0] = math.nan
    with pytest.raises(InputError, match="in 2000 of 4000 draws some team has no score"):
        trust(values, higher_is_better=True, items=50)


def test_more_groups_than_letters_go_on():
    found = groups(*range(60, 0, -1))
    assert (found[0], found[25], found[26], found[52]) == ("a", "z", "a2", "a3")
    assert len(set(found)) == 60


@pytest.mark.parametrize("items", [5, 30, 1000])
def test_percentiles_are_those_of_the_t_interval_of_normal_data(items):
    """The interval of a normal bootstrap at that level has the width of Student's."""
    level = percentile_level(0.95, items)
    spread = math.sqrt((items - 1) / items)
    width = stats.norm.ppf((1 + level) / 2) * spread
    assert width == pytest.approx(stats.t.ppf(0.975, items - 1), rel=1e-9)


def test_items_of_a_sum_are_those_of_satterthwaite():
    """Two samples of unequal variance: the degrees of freedom of Welch's test."""
    draw = np.random.default_rng(0)
    x, y = draw.normal(0, 3, 8), draw.normal(0, 1, 20)
    variances = [x.var(ddof=1) / 8, y.var(ddof=1) / 20]
    welch = stats.ttest_ind(x, y, equal_var=False).df
    assert effective_items(variances, [8, 20]) == pytest.approx(1 + welch, rel=1e-12)


def test_what_does_not_vary_adds_no_items():
    assert effective_items([0.0, 2.0], [5, 30]) == pytest.approx(30)
    assert effective_items([0.0, 0.0], [5, 30]) == 5
