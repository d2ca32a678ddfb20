import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from gpu_metrics.contests import load_contest
from gpu_metrics.errors import InputError
from gpu_metrics.ranking.jury import picks
from gpu_metrics.study.tally import jury_of
from gpu_metrics.study.worth.findings import findings
from gpu_metrics.study.worth.report import to_html
from gpu_metrics.study.worth.tables import to_csv
from gpu_metrics.study.worth.weighing import weigh
from tests.study.votes import renamed, simulated_votes, vote
from tests.study.worth.test_correlation import measured

CONTEST = load_contest("raim2026-flash-portrait")
LEVELS = np.linspace(1.5, -1.5, 6)
HOSTILE = "<img src=x onerror=alert(1)>\"&'=1+1"


@pytest.fixture(scope="module")
def votes():
    cast = simulated_votes(LEVELS, scenes=12)
    cast += [replace(v, kind="repeat") for v in cast if v.scene in ("001", "002")]
    cast += [replace(v, kind="practice", scene="900") for v in cast if v.scene == "003"]
    cast[5] = replace(cast[5], comment="too smooth", tags=("lighting realism",))
    return cast


@pytest.fixture(scope="module")
def worth(votes):
    objective = measured(jury_of(votes))
    return weigh(votes, CONTEST, objective=objective, draws=200, remarks=["a remark"])


def test_teams_stand_by_the_score_of_the_jury(votes, worth):
    jury = jury_of([v for v in votes if v.kind == "vote"])
    counts = dict(zip(jury.teams, picks(jury, CONTEST.jury), strict=True))
    assert (worth.jurors, worth.scenes, worth.ballots, worth.draws) == (6, 12, 72, 200)
    assert [t.picks for t in worth.teams] == sorted(counts.values(), reverse=True)
    assert all(t.picks == counts[t.team] and t.shown == 72 for t in worth.teams)
    assert (worth.teams[0].score, worth.teams[-1].score) == (90, 80)
    for team in worth.teams:
        low, high = team.interval
        assert 80 <= low <= team.score <= high <= 90
        assert sum(team.ranks) == pytest.approx(1)
        first, last = team.likely_places
        assert 1 <= first <= last <= 6
        low, high = team.strength_interval
        assert low < team.strength < high


def test_all_of_it_is_there(worth):
    assert worth.agreement.alpha > 0 and len(worth.agreement.by_scene) == 12
    assert [c.repeats for c in worth.consistency] == [2] * 6
    assert all(c.overlap == 3 for c in worth.consistency)
    assert len(worth.influence) == len(worth.paces) == 6
    # votes and repeats, three picks each
    assert sum(worth.positions.picks) == 3 * (72 + 12)
    assert worth.tags["lighting realism"] == 1 and len(worth.tags) == 6
    assert [c.text for c in worth.comments] == ["too smooth"]
    assert {m.name for m in worth.correlations.metrics} >= {"psnr_y", "lpips"}
    assert worth.remarks == ("a remark",)


def test_the_document_is_json_with_all_digits(worth):
    document = json.loads(worth.to_json())
    assert document["teams"][0]["strength"] == worth.teams[0].strength
    assert document["agreement"]["alpha"] == worth.agreement.alpha
    assert [m["name"] for m in document["correlations"]["metrics"]] == [
        m.name for m in worth.correlations.metrics
    ]


def test_tables_hold_what_the_document_holds(worth):
    tables = {n: list(csv.DictReader(io.StringIO(t))) for n, t in to_csv(worth).items()}
    assert {*tables} == {
        *("teams", "jurors", "without_juror", "scenes", "positions"),
        *("dimensions", "comments", "metrics"),
    }
    first = tables["teams"][0]
    assert (first["team"], float(first["score"])) == (worth.teams[0].team, 90)
    assert float(first["chance_of_place_1"]) == worth.teams[0].ranks[0]
    assert [float(row["p_value"]) for row in tables["jurors"]] == [
        c.p_value for c in worth.consistency
    ]
    assert (
        float(tables["metrics"][0]["within_spearman_low"])
        == (worth.correlations.metrics[0].within_spearman.interval[0])
    )


def test_relabelled_teams_and_jurors_permute_the_result(votes, worth):
    again = weigh(renamed(votes), CONTEST, draws=200)
    for one, other in zip(worth.teams, again.teams, strict=True):
        assert (one.place, one.picks, one.score) == (other.place, other.picks, other.score)
        assert one.strength == pytest.approx(other.strength)
    assert again.agreement.alpha == pytest.approx(worth.agreement.alpha)
    assert again.positions == worth.positions
    assert [len(d.moved) for d in again.influence[::-1]] == [len(d.moved) for d in worth.influence]


def test_without_draws_there_are_no_intervals_and_nothing_else_is_lost(votes, worth):
    bare = weigh(votes, CONTEST, objective=measured(jury_of(votes)), draws=0)
    assert [t.strength for t in bare.teams] == [t.strength for t in worth.teams]
    assert all(t.interval is None and t.strength_interval is None for t in bare.teams)
    assert bare.agreement == replace(worth.agreement, interval=None)
    for one, other in zip(bare.correlations.metrics, worth.correlations.metrics, strict=True):
        assert one.within_kendall == replace(other.within_kendall, interval=None)
    assert "no draws" in to_html(bare, title="t", study="0" * 64)


def test_a_single_juror_has_counts_and_no_intervals(votes):
    one = weigh([v for v in votes if v.juror == "juror 0"], CONTEST, draws=50)
    assert one.draws == 0 and one.agreement.alpha is None and one.influence == ()
    assert one.teams[0].interval is None and one.teams[0].ranks == ()
    assert any("gives no intervals" in remark for remark in one.remarks)
    assert "<svg" in to_html(one, title="t", study="0" * 64)
    assert to_csv(one)["teams"].splitlines()[1].endswith("," * 8)


def test_practice_alone_is_no_vote(votes):
    with pytest.raises(InputError, match="at least one on a screen that counts, got none"):
        weigh([v for v in votes if v.kind == "practice"], CONTEST)


def test_a_contest_without_a_jury_is_refused(votes):
    with pytest.raises(InputError, match="has no .jury."):
        weigh(votes, load_contest("raim2026-fusion"))


def test_the_page_escapes_every_name(votes):
    teams = {t for v in votes for t in v.shown}
    names = {team: f"{HOSTILE}{team}" for team in teams}
    hostile = [
        replace(
            v,
            juror=HOSTILE + v.juror,
            scene=HOSTILE + v.scene,
            shown=tuple(names[t] for t in v.shown),
            picks=tuple(names[t] for t in v.picks),
            comment=HOSTILE,
        )
        for v in votes
    ]
    found = weigh(hostile, CONTEST, draws=20, remarks=[HOSTILE])
    text = to_html(found, title=HOSTILE, study="0" * 64)
    assert "<img" not in text and "onerror=alert(1)&gt;" in text
    rows = csv.reader(io.StringIO(to_csv(replace(found, comments=()))["scenes"]))
    assert all(not cell.startswith(("=", "+", "@")) for row in rows for cell in row)


def test_findings_say_when_to_look():
    draw = np.random.default_rng(0)
    votes = []
    for scene in range(20):
        for juror in "xyz":
            shown = [str(team) for team in draw.permutation([*"abcdef"])]
            picks = shown[:3] if juror == "z" else "abc"
            seconds = 2.0 if juror == "z" else 30.0
            votes.append(vote(juror, str(scene), shown, picks, seconds=seconds))
            if scene < 4:
                again = draw.permutation([*"abcdef"])[:3] if juror == "z" else "cab"
                votes.append(vote(juror, str(scene), shown, again, kind="repeat", seconds=seconds))
    texts = {found.text: found.kind for found in findings(weigh(votes, CONTEST, draws=100))}
    assert texts["on hidden repeats z cannot be told from picking at random"] == "warn"
    assert texts["z took less than a third of the usual time"] == "warn"
    agreed = next(text for text in texts if text.startswith("jurors agree more than by chance"))
    assert texts[agreed] == "good"
    assert any("mattered" in text for text in texts)


def test_teams_that_share_the_first_place_are_all_named():
    votes = [vote("x", scene, "abcdefg", "abc") for scene in "12"]
    votes += [vote("y", scene, "abcdefg", "def") for scene in "12"]
    texts = [found.text for found in findings(weigh(votes, CONTEST, draws=100))]
    assert texts[0] == "a, b, c, d, e, f share the first place"
