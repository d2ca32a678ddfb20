import json
from itertools import product

import numpy as np
import pytest

from gpu_metrics.contests import load_contest, parse_contest
from gpu_metrics.errors import InputError
from gpu_metrics.ranking.entries import collect
from gpu_metrics.ranking.final import decide
from gpu_metrics.ranking.given import Given, read_given
from gpu_metrics.ranking.jury import most_picks, picks
from gpu_metrics.ranking.votes import Votes, jury_scores
from tests.engine.conftest import run_cli  # noqa: F401 - a fixture
from tests.study.juries import simulated_jury

CONTEST = load_contest("raim2026-flash-portrait")
PAIRS = parse_contest(CONTEST.text.replace("best = 3", "best = 2"), where="pairs.toml")
POSSIBLE = parse_contest(
    PAIRS.text.replace("equal = 0.5", 'endpoints = "possible"'), where="possible.toml"
)
OBJECTIVE = {"a": 84.0, "b": 85.0, "c": 86.0, "d": 80.0}

# two jurors, two scenes; y does not see d in the second
LINES = """scene,juror,team,picks
1,x,a,1
1,x,b,1
1,x,c,0
1,x,d,0
1,y,a,1
1,y,b,0
1,y,c,1
1,y,d,0
2,x,a,1
2,x,b,0
2,x,c,0
2,x,d,1
2,y,a,1
2,y,b,1
2,y,c,0
"""


@pytest.fixture
def read(tmp_path):
    def read(text, contest=PAIRS):
        path = tmp_path / "votes.csv"
        path.write_text(text, "utf-8")
        return read_given(path, [*contest.inputs, *contest.formula], contest=contest)

    return read


def objective(numbers=OBJECTIVE):
    return Given(("objective",), ("",), {("objective", "", t): n for t, n in numbers.items()})


def table_of(jury):
    lines = ["scene,juror,team,picks"]
    for (s, scene), (j, juror) in product(enumerate(jury.scenes), enumerate(jury.jurors)):
        lines += [
            f"{scene},{juror},{t},{int(jury.picked[j, s, k])}" for k, t in enumerate(jury.teams)
        ]
    return "\n".join(lines)


def test_lines_are_votes(read):
    votes = read(LINES)
    assert isinstance(votes, Votes) and votes.names == ("picks",)
    assert (votes.jury.jurors, votes.jury.scenes) == (("x", "y"), ("1", "2"))
    assert votes.jury.teams == votes.teams == ("a", "b", "c", "d")
    assert votes.jury.shown.sum() == 15 and not votes.jury.shown[1, 1, 3]
    assert votes.of("picks") == {"a": 4, "b": 2, "c": 1, "d": 2}


def test_lines_of_picks_alone_mean_that_all_were_shown(read):
    picked = "\n".join(line for line in LINES.splitlines() if not line.endswith(",0"))
    votes = read(picked + "\n")
    assert votes.jury.shown.all()
    assert votes.of("picks") == {"a": 4, "b": 2, "c": 1, "d": 1}


def test_columns_come_in_any_order_and_need_a_jury(read):
    swapped = "team,picks,scene,juror\na,1,1,x\nb,1,1,x\n"
    assert read(swapped).of("picks") == {"a": 1, "b": 1}
    with pytest.raises(InputError, match="unknown column 'juror'"):
        read(swapped.replace("picks", "stage1"), load_contest("raim2026-fusion"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scene,juror,team\n1,x,a\n", "columns scene, juror, team and picks; got scene, juror, te"),
        ("scene,juror,team,uscore\n", "columns scene, juror, team and picks; got .* uscore"),
        ("juror,team,picks\nx,a,1\n", "columns scene, juror, team and picks; got juror, team, p"),
        ("scene,juror,team,picks\n", "no vote"),
        ("scene,juror,team,picks\n1,x,a,2\n", "line 2: expected a scene, a juror, a team and 0 o"),
        ("scene,juror,team,picks\n1,,a,1\n", "line 2: expected a scene, a juror, a team and 0 or"),
        ("scene,juror,team,picks\n1,x,a\n", "line 2: expected 4 cells, got 3"),
        (LINES + "2,y,a,1\n", "line 17: 'a' comes twice on a ballot"),
        (LINES + "2,y,d,1\n", "'y' in scene '2': expected 2 picks, got 3"),
        ("scene,juror,team,picks\n1,x,a,1\n", "'x' in scene '1': expected 2 picks, got 1"),
    ],
)
def test_refuses(read, text, message):
    with pytest.raises(InputError, match=f"votes.csv.*{message}"):
        read(text)


def test_a_final_of_votes(read):
    """Picks 4, 2, 1, 2 become UScores 90, 83.33, 80, 83.33."""
    result = decide(collect(PAIRS, given=[objective(), read(LINES)]))
    uscores = {"a": 90, "b": 80 + 10 / 3, "c": 80, "d": 80 + 10 / 3}
    assert [f.team for f in result.finalists] == ["a", "b", "c", "d"]
    for finalist in result.finalists:
        expected = 0.7 * OBJECTIVE[finalist.team] + 0.3 * uscores[finalist.team]
        assert finalist.values["uscore"] == pytest.approx(uscores[finalist.team], rel=1e-14)
        assert finalist.values["total"] == pytest.approx(expected, rel=1e-14)


def test_picks_of_all_that_are_possible(read):
    """Of four ballots: 4, 2, 1 and 2 picks."""
    result = decide(collect(POSSIBLE, given=[objective(), read(LINES, POSSIBLE)]))
    uscores = {f.team: f.values["uscore"] for f in result.finalists}
    assert uscores == pytest.approx({"a": 90, "b": 85, "c": 82.5, "d": 85}, rel=1e-14)
    ends = dict(zip(uscores, result.intervals["uscore"], strict=True))
    assert ends["a"] == (90, 90)
    assert 80 <= ends["c"][0] < 82.5 < ends["c"][1] < 90
    counts = Given(("picks",), ("",), {("picks", "", t): 1.0 for t in OBJECTIVE})
    with pytest.raises(InputError, match="picked: only votes tell how many picks are possible"):
        collect(POSSIBLE, given=[objective(), counts])
    uscore = Given(("uscore",), ("",), {("uscore", "", t): 85.0 for t in OBJECTIVE})
    assert decide(collect(POSSIBLE, given=[objective(), uscore])).finalists[0].team == "c"


def test_where_all_are_equal_everybody_has_the_middle(read):
    text = "scene,juror,team,picks\n1,x,a,1\n1,x,b,1\n2,x,c,1\n2,x,d,1\n"
    result = decide(collect(PAIRS, given=[objective(), read(text)]))
    assert {f.values["uscore"] for f in result.finalists} == {85.0}
    assert result.trust is None
    assert result.remarks == ("the jury is not drawn: that takes two jurors and two scenes",)


def test_the_settings_of_a_contest_decide(read):
    """In scene 1, b and c are equal behind a; in scene 2, a alone leads d, seen by one, and b."""
    majority = parse_contest(
        PAIRS.text.replace('pooling = "ballots"', 'pooling = "scenes"'), where="majority.toml"
    )
    assert read(LINES, majority).of("picks") == {"a": 2, "b": 0.5, "c": 0.5, "d": 1}
    raw = parse_contest(majority.text.replace('"scaled"', '"ignored"'), where="raw.toml")
    assert read(LINES, raw).of("picks") == {"a": 2, "b": 1, "c": 0.5, "d": 0.5}


def test_teams_of_the_jury_that_take_no_part_are_told(read):
    numbers = {team: OBJECTIVE[team] for team in "abc"}
    whole = collect(PAIRS, given=[objective(numbers), read(LINES)])
    assert whole.out == {"d": "no objective"}
    assert whole.teams == ("a", "b", "c")
    result = decide(whole, draws=50)
    assert len(result.intervals["uscore"]) == 3


def test_scenes_and_jurors_are_drawn():
    """Jurors of one taste leave about the spread of scenes, jurors of many far more."""
    teams = [f"team {letter}" for letter in "abcdef"]
    numbers = objective(dict.fromkeys(teams, 84.0))
    widths = {}
    for of_jurors in (0.0, 1.5):
        jury = simulated_jury(np.linspace(1, -1, 6), jurors=8, of_jurors=of_jurors, seed=2)
        votes = Votes.under(CONTEST, jury)
        result = decide(collect(CONTEST, given=[numbers, votes]), draws=1000)
        assert list(result.alone) == ["jury"]
        assert result.alone["jury"].intervals == result.trust.intervals
        np.testing.assert_allclose(np.sum(result.places, axis=1), 1)
        total = np.diff(result.intervals["total"])
        np.testing.assert_allclose(total, 0.3 * np.diff(result.intervals["uscore"]), rtol=1e-9)
        assert result.trust.intervals == result.intervals["total"]
        widths[of_jurors] = total.mean()
    assert widths[1.5] > 2 * widths[0.0] > 0


def test_scores_of_a_jury():
    jury = simulated_jury(np.linspace(1, -1, 6), seed=4)
    counted = picks(jury, CONTEST.jury)
    share = (counted - counted.min()) / np.ptp(counted)
    np.testing.assert_allclose(jury_scores(CONTEST, jury, counted), 80 + 10 * share, rtol=1e-14)
    rate = counted / most_picks(jury, CONTEST.jury)
    np.testing.assert_allclose(jury_scores(POSSIBLE, jury, counted), 80 + 10 * rate, rtol=1e-14)
    both = np.stack([counted, counted[::-1]])
    assert jury_scores(CONTEST, jury, both).shape == (2, 6)


def test_scores_that_need_more_than_votes_are_refused():
    text = CONTEST.text.replace('"fewest + (most - f', '"objective / 100 + fewest + (most - f')
    with pytest.raises(InputError, match="uscore needs more than the votes of the jury"):
        jury = simulated_jury(np.zeros(4))
        jury_scores(parse_contest(text, where="x.toml"), jury, np.ones(4))
    with pytest.raises(InputError, match=r"raim2026-fusion: has no \[jury\]"):
        jury_scores(load_contest("raim2026-fusion"), jury, np.ones(4))


def test_final_reads_votes(run_cli, tmp_path):  # noqa: F811
    votes, numbers = tmp_path / "votes.csv", tmp_path / "objective.csv"
    jury = simulated_jury(np.linspace(1, -1, 6), seed=5)
    votes.write_text(table_of(jury), "utf-8")
    numbers.write_text(
        "team,objective\n" + "".join(f"{team},84\n" for team in jury.teams[:5]), "utf-8"
    )
    asked = ["final", "raim2026-flash-portrait", "--given", votes, "--given", numbers]
    outcome = run_cli(*asked, "--draws", 300, "--format", "json")
    assert outcome.err == "not ranked: team f: no objective\n"
    document = json.loads(outcome.out)
    counted = dict(zip(jury.teams, picks(jury, CONTEST.jury), strict=True))
    for entry in document["finalists"]:
        assert entry["values"]["picks"] == counted[entry["team"]]
        assert set(entry["intervals"]) == {"uscore", "total"}
        assert entry["intervals"]["total"] == entry["interval"]
        low, high = entry["intervals"]["uscore"]
        assert 80 <= low <= entry["values"]["uscore"] <= high <= 90
        assert list(entry["places_alone"]) == ["jury"]
    shown = run_cli(*asked, "--draws", 300, "--format", "csv").out.splitlines()[0]
    assert shown.endswith("95% interval,places,ahead of next,group,uscore interval")
