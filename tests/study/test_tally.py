import csv
import io
from itertools import product

import numpy as np
import pytest

from gpu_metrics.contests import load_contest, parse_contest
from gpu_metrics.errors import InputError
from gpu_metrics.ranking.given import read_given
from gpu_metrics.study.ballots import Ballot, Cast
from gpu_metrics.study.tally import tally
from tests.study.toy import toy_study

CONTEST = load_contest("raim2026-flash-portrait")
KINDS = ("practice", "vote", "vote", "vote", "repeat")

# by juror and scene, of the teams of the toy study
PICKS = {
    ("juror-1", "001"): ("north", "south", "east"),
    ("juror-1", "002"): ("north", "south", "west"),
    ("juror-1", "003"): ("north", "east", "up"),
    ("juror-2", "001"): ("south", "east", "west"),
    ("juror-2", "002"): ("south", "east", "up"),
    ("juror-2", "003"): ("south", "east", "west"),
}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A study of three scenes whose second juror is not shown north."""
    folder = tmp_path_factory.mktemp("toy")
    manifest, key = toy_study(folder, kinds=KINDS, ties={"Ben": ["north"]})
    rules = manifest.rules.model_copy(update={"contest": CONTEST.name, "digest": CONTEST.digest})
    return manifest.model_copy(update={"rules": rules}), key


def cast(manifest, key, picks):
    """Ballots with these picks where votes count; on other screens with the last tiles."""
    found = []
    for juror, seat in manifest.seats.items():
        for showing in seat.showings:
            tokens = {key.teams[token]: token for token in showing.order}
            names = [*tokens][-3:]
            if manifest.screens[showing.screen].kind == "vote":
                if (juror, key.scenes[showing.screen]) not in picks:
                    continue
                names = picks[juror, key.scenes[showing.screen]]
            ballot = Ballot(
                screen=showing.screen,
                picks=tuple(tokens[name] for name in names),
                ordered=False,
                seconds=3.0,
            )
            found.append(Cast(juror=juror, ballot=ballot, received="2026-03-01T12:00:00+00:00"))
    return found


def test_ballots_are_counted(toy):
    """north has 3 picks on 3 of 6 ballots: scaled to 6. Scores lie between 0 (down) and 6 picks."""
    manifest, key = toy
    found = tally(manifest, key, cast(manifest, key, PICKS), CONTEST, draws=400)
    assert [(t.team, t.picked, t.shown, t.picks) for t in found.teams] == [
        ("north", 3, 3, 6.0),
        ("east", 5, 6, 5.0),
        ("south", 5, 6, 5.0),
        ("west", 3, 6, 3.0),
        ("up", 2, 6, 2.0),
        ("down", 0, 6, 0.0),
    ]
    scores = [90, 80 + 50 / 6, 80 + 50 / 6, 85, 80 + 20 / 6, 80]
    assert [t.score for t in found.teams] == pytest.approx(scores, rel=1e-14)
    assert found.teams[0].share == 1.0 and found.teams[1].share == 5 / 6
    assert found.missing == {"juror-1": 0, "juror-2": 0}
    assert found.remarks == (
        "with 2 jurors, intervals may cover less than they say; from 5 on they were measured",
    )
    for team in found.teams[1:5]:
        low, high = team.score_interval
        assert low <= team.score <= high
        assert team.picks_interval[0] <= team.picks <= team.picks_interval[1]


def test_votes_go_to_the_final(toy, tmp_path):
    manifest, key = toy
    found = tally(manifest, key, cast(manifest, key, PICKS), CONTEST, draws=0)
    text = found.to_csv()
    titles, *lines = csv.reader(io.StringIO(text))
    assert titles == ["scene", "juror", "team", "picks"]
    assert len(lines) == 3 * 6 + 3 * 5
    picked = {(juror, scene, team) for scene, juror, team, pick in lines if pick == "1"}
    assert picked == {(*at, team) for at, teams in PICKS.items() for team in teams}
    assert "Ada" not in text and "Ben" not in text
    path = tmp_path / "votes.csv"
    path.write_text(text, "utf-8")
    again = read_given(path, ["picks"], contest=CONTEST)
    assert again.of("picks") == {team.team: team.picks for team in found.teams}


def test_jurors_are_named_where_asked(toy):
    manifest, key = toy
    found = tally(manifest, key, cast(manifest, key, PICKS), CONTEST, names=True, draws=0)
    assert found.jury.jurors == ("Ada", "Ben")
    assert "juror-1" not in found.to_csv()


def test_what_is_missing_is_told_and_the_rest_counted(toy):
    manifest, key = toy
    some = {at: teams for at, teams in PICKS.items() if at != ("juror-2", "003")}
    found = tally(manifest, key, cast(manifest, key, some), CONTEST, draws=50)
    assert found.missing == {"juror-1": 0, "juror-2": 1}
    assert {t.team: (t.picked, t.shown) for t in found.teams}["west"] == (2, 5)
    # the scene that Ada alone voted on has one ballot, north two scenes with one of two
    assert {t.team: t.picks for t in found.teams}["north"] == 2 + 2 + 1


def test_one_juror_has_no_interval(toy):
    manifest, key = toy
    alone = {at: teams for at, teams in PICKS.items() if at[0] == "juror-2"}
    ballots = [item for item in cast(manifest, key, alone) if item.juror == "juror-2"]
    found = tally(manifest, key, ballots, CONTEST)
    assert found.draws == 0
    assert {t.score_interval for t in found.teams} == {None}
    assert found.missing == {"juror-1": 3, "juror-2": 0}
    assert found.remarks == (
        "north is on no ballot yet, and is not counted",
        "juror-1 has 3 ballots still to cast",
        "the jury is not drawn: that takes two jurors and two scenes",
    )


def test_all_equal_have_the_middle(tmp_path):
    """Each of four teams is picked once in each of four scenes."""
    teams = ("a", "b", "c", "d")
    manifest, key = toy_study(tmp_path, kinds=["vote"] * 4, teams=teams)
    picks = {
        (juror, scene): tuple(t for t in teams if t != teams[index])
        for juror in manifest.seats
        for index, scene in enumerate(sorted({*key.scenes.values()}))
        if scene != "none"
    }
    found = tally(manifest, key, cast(manifest, key, picks), CONTEST, draws=0)
    assert {t.score for t in found.teams} == {85.0}


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        ("share", {"north": 3, "south": 7 / 3, "east": 7 / 3, "west": 2 / 3, "up": 2 / 3}),
        ("all", {"north": 3, "south": 3, "east": 3, "west": 2, "up": 2}),
        ("none", {"north": 3, "south": 2, "east": 2}),
    ],
)
def test_a_majority_in_each_scene(toy, ties, expected):
    """By shares of ballots that showed a team, north, south and east lead the first scene, north
    and south the second before three that are equal, north and east the third likewise."""
    manifest, key = toy
    text = CONTEST.text.replace('pooling = "ballots"', 'pooling = "scenes"')
    contest = parse_contest(text.replace('ties = "share"', f'ties = "{ties}"'), where="x.toml")
    found = tally(manifest, key, cast(manifest, key, PICKS), contest, draws=0)
    assert {t.team: t.picks for t in found.teams if t.picks} == pytest.approx(expected)


def test_refuses_what_it_cannot_count(toy):
    manifest, key = toy
    ballots = cast(manifest, key, PICKS)
    with pytest.raises(InputError, match="ballots: none that counts"):
        tally(manifest, key, cast(manifest, key, {}), CONTEST)
    with pytest.raises(InputError, match="ballots: none that counts"):
        tally(manifest, key, [], CONTEST)
    with pytest.raises(InputError, match="not the one that this study was made with"):
        tally(manifest, key.model_copy(update={"seed": 1}), ballots, CONTEST)
    with pytest.raises(InputError, match=r"raim2026-fusion: has no \[jury\]"):
        tally(manifest, key, ballots, load_contest("raim2026-fusion"))
    two = parse_contest(CONTEST.text.replace("best = 3", "best = 2"), where="x.toml")
    with pytest.raises(InputError, match="its jurors pick 2, those of the study 3"):
        tally(manifest, key, ballots, two)
    more = parse_contest(
        CONTEST.text.replace('uscore = "', 'uscore = "objective / 100 + '), where="x.toml"
    )
    with pytest.raises(InputError, match="uscore needs more than the votes of the jury"):
        tally(manifest, key, ballots, more)


def test_votes_are_the_jury_that_cast_them(toy):
    manifest, key = toy
    jury = tally(manifest, key, cast(manifest, key, PICKS), CONTEST, draws=0).jury
    for (j, juror), (s, scene) in product(enumerate(jury.jurors), enumerate(jury.scenes)):
        names = {jury.teams[t] for t in np.flatnonzero(jury.picked[j, s])}
        assert names == {*PICKS[juror, scene]}
        assert jury.shown[j, s].sum() == (5 if juror == "juror-2" else 6)
