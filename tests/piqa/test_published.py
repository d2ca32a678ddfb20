from datetime import UTC, datetime

import pytest

from gpu_metrics.board.store import opened
from gpu_metrics.contests import load_contest
from gpu_metrics.piqa.endpoint import Endpoint
from gpu_metrics.piqa.scoring import AnswerScorer
from gpu_metrics.profiles import load_profile
from gpu_metrics.ranking.entries import collect
from gpu_metrics.ranking.final import decide
from gpu_metrics.ranking.given import Given

# phase 2, phase 3 and final score of the track's report
PUBLISHED = {
    "IH-VQA": (0.6943, 0.7667, 0.7305),
    "VCIP Pi Group": (0.6826, 0.7679, 0.7253),
    "I2 Group": (0.6490, 0.7590, 0.7040),
    "fugui": (0.6640, 0.7237, 0.6939),
    "LZ": (0.6149, 0.7497, 0.6823),
}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_published_final_scores_follow_from_published_phase_scores():
    names = ("phase2", "phase3")
    cells = {(n, "", t): row[i] for t, row in PUBLISHED.items() for i, n in enumerate(names)}
    final = decide(collect(load_contest("raim2026-piqa"), given=[Given(names, ("",), cells)]))

    assert [finalist.team for finalist in final.finalists] == [*PUBLISHED]
    for finalist in final.finalists:
        # all three are printed with four decimals, each off by half of the last one at most
        printed = PUBLISHED[finalist.team][2]
        assert finalist.values["total"] == pytest.approx(printed, abs=1e-4)


def test_runs_of_both_phases_go_through_a_board_to_a_final(
    experts, answers, responses, stand_in, tmp_path
):
    judge = Endpoint(stand_in.url, "judge-1")
    plain = AnswerScorer("raim2026-piqa-phase2", experts)
    judged = AnswerScorer("raim2026-piqa-phase3", experts, endpoint=judge)
    blind = {id_: "<thinking>Alike.</thinking><answer>A</answer>" for id_ in responses}
    totals = {}
    with opened(tmp_path / "board.sqlite", create=True) as board:
        for team, submission in {"looks": answers, "blind": blind}.items():
            runs = {"phase2": plain.score(submission), "phase3": judged.score(submission)}
            for phase, run in runs.items():
                profile = load_profile(f"raim2026-piqa-{phase}")
                assert board.add(run, profile, team=team, phase=phase, at=NOON).new
            totals[team] = sum(run.scores["total"] for run in runs.values()) / 2
        contest = load_contest("raim2026-piqa")
        final = decide(collect(contest, board=board, given=[]), board=board, draws=200)

    assert [(f.place, f.team) for f in final.finalists] == [(1, "looks"), (2, "blind")]
    for finalist in final.finalists:
        assert finalist.values["total"] == pytest.approx(totals[finalist.team], rel=1e-14)
    # the intervals are drawn from the rows of the records
    low, high = final.trust.intervals[0]
    assert low < totals["looks"] < high
