from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gpu_metrics.board.view import standing
from gpu_metrics.errors import InputError
from gpu_metrics.profiles import load_profile, parse_profile
from gpu_metrics.results import ProfileStamp, Run
from tests.board.conftest import PROFILE

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OFFICIAL = load_profile("raim2026-flash-portrait")
LOWER = parse_profile(
    PROFILE.text.replace("higher_is_better = true", "higher_is_better = false"), where="lower"
)


@pytest.fixture
def add(board, make_run):
    """Add a run of a level, so many hours after noon."""

    def add(team, level, hours=0, *, profile=PROFILE, **options):
        run = make_run(level, profile=profile, **options)
        board.add(run, profile, team=team, phase="p", at=NOON + timedelta(hours=hours))
        return run

    return add


def teams(shown):
    return [place.team for place in shown.places]


def test_best_and_last(board, add):
    add("a", 30, hours=0)
    add("a", 28, hours=2)
    add("a", 29, hours=1)
    add("b", 28.5, hours=5)
    best, last = standing(board, "p"), standing(board, "p", pick="last")
    assert (teams(best), teams(last)) == (["a", "b"], ["b", "a"])
    assert [place.entries for place in best.places] == [3, 1]
    assert [place.place for place in last.places] == [1, 2]
    assert last.places[1].at == NOON + timedelta(hours=2)


def test_lower_may_be_better(board, add):
    add("a", 30, profile=LOWER)
    add("b", 28, profile=LOWER)
    add("b", 29, hours=1, profile=LOWER, name="worse")
    shown = standing(board, "p")
    assert teams(shown) == ["b", "a"]
    assert shown.places[0].submission == "submission"


def test_equal_scores_are_ordered_by_time(board, add):
    add("late", 28, hours=3)
    add("early", 28, hours=1)
    add("late", 28, hours=0.5, name="the same again")
    assert teams(standing(board, "p")) == ["late", "early"]
    assert standing(board, "p").places[0].submission == "the same again"
    assert teams(standing(board, "p", pick="last")) == ["early", "late"]


def test_partial_runs_never_rank(board, add):
    add("a", 40, partial=True)
    add("b", 20)
    add("b", 50, hours=1, partial=True, name="better, but partial")
    for pick in ("best", "last"):
        shown = standing(board, "p", pick=pick)
        assert [(place.team, place.entries) for place in shown.places] == [("b", 1)]


def test_profiles_never_mix(board, add):
    other = load_profile("raindrop2025")
    add("a", 28)
    add("b", 40, profile=other)
    with pytest.raises(InputError, match="profile: none given, and 'p' was scored by raindrop202"):
        standing(board, "p")
    assert teams(standing(board, "p", profile="raindrop2026")) == ["a"]
    assert teams(standing(board, "p", profile=other.digest[:8])) == ["b"]
    with pytest.raises(InputError, match="profile: clic2021, and 'p' was scored by"):
        standing(board, "p", profile="clic2021")


def test_versions_of_a_profile_are_told_apart(board, add):
    second = parse_profile(
        PROFILE.text.replace('version = "1.0"', 'version = "1.1"'), where="second"
    )
    add("a", 28)
    add("a", 29, profile=second)
    with pytest.raises(InputError, match=r"raindrop2026 1\.\d .*raindrop2026 1\.\d"):
        standing(board, "p", profile="raindrop2026")
    assert standing(board, "p", profile=second.digest).profile == second


def test_an_unknown_phase_lists_the_phases(board, add):
    with pytest.raises(InputError, match="phase: 'p' is not on the board; there are none"):
        standing(board, "p")
    add("a", 28)
    with pytest.raises(InputError, match="phase: 'q' is not on the board; there are 'p'"):
        standing(board, "q")


def test_what_does_not_compare_is_remarked(board, add):
    add("a", 28)
    assert standing(board, "p").remarks() == []
    add("b", 29, engine="0.2.0")
    (remark,) = standing(board, "p").remarks()
    assert remark == "scored by several engines: 0.1.0, 0.2.0; rescore what is older"


def test_different_reference_sets_are_remarked(board, make_run):
    for team, reference in [("a", "r1"), ("b", "r2")]:
        run = make_run(28)
        run = replace(run, provenance={**run.provenance, "reference_sha256": reference})
        board.add(run, PROFILE, team=team, phase="p", at=NOON)
    (remark,) = standing(board, "p").remarks()
    assert remark == "scored against 2 different reference sets; rescore against one"


# as the report prints them; None is "-": struck out since the code did not reproduce the score
TABLE_1 = [
    ("nunucccb", 0.0266, 7.19, 0.7843, 86.10),
    ("nanbei", None, None, None, 85.21),
    ("SHL", 0.0268, 6.83, 0.7416, 84.91),
    ("kiritobryant", None, None, None, 84.90),
    ("hezhaokun", 0.0270, 6.75, 0.7388, 84.88),
    ("KC110", 0.0284, 8.07, 0.7647, 84.33),
    ("NJUST-KMG", 0.0315, 6.88, 0.7293, 83.70),
    ("zte_cv", 0.0312, 7.04, 0.7209, 83.41),
    ("CEL-Ricky", None, None, None, 83.13),
    ("lihang", None, None, None, 82.79),
    ("williamd4s", None, None, None, 82.77),
]


def printed_run(lpips, delta_e, global_score, total):
    """A record of printed numbers alone, whatever is struck out made up."""
    nothing = dict.fromkeys(OFFICIAL.formula)
    return Run(
        profile=ProfileStamp(OFFICIAL.name, OFFICIAL.version, OFFICIAL.digest),
        submission="as printed",
        status="complete",
        scores=nothing | {"global_score": global_score or 0.7, "total": total},
        means=dict.fromkeys(OFFICIAL.measures)
        | {"lpips_person": lpips or 0.03, "delta_e_person": delta_e or 7.0},
        counts={},
        images=(),
    )


@pytest.fixture
def table_1(board):
    """Table 1 on a board, worst first, so that nothing comes in order by chance."""
    for team, *numbers in reversed(TABLE_1):
        run = printed_run(*numbers)
        board.add(run, OFFICIAL, team=team, phase="phase2", at=NOON)
        if numbers[0] is None:
            board.strike(team, "phase2", reason="deviates from its online score")
    return board


def test_table_1_from_stored_values(table_1):
    shown = standing(table_1, "phase2")
    columns = shown.profile.columns
    assert [column.title for column in columns.values()] == [
        "LPIPS_person",
        "dE_person",
        "GlobalScore",
        "Score",
    ]
    table = [
        (place.team, *(place.shown(name, shown.profile.ranking.by) for name in columns))
        for place in shown.places
    ]
    assert table == TABLE_1
