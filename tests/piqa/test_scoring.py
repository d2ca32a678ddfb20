import json
import subprocess
import sys
from dataclasses import replace

import pytest

from gpu_metrics.errors import InputError, ProfileError, SubmissionError
from gpu_metrics.piqa.endpoint import Endpoint
from gpu_metrics.piqa.scoring import AnswerScorer
from gpu_metrics.profiles import load_profile
from gpu_metrics.results import Run
from gpu_metrics.score import compose, means
from tests.piqa.stand_in import Reply, score
from tests.piqa.test_grounding import exchanged

PHASE2 = load_profile("raim2026-piqa-phase2")
PHASE3 = load_profile("raim2026-piqa-phase3")


@pytest.fixture(scope="module")
def run(experts, answers):
    return AnswerScorer(PHASE2, experts).score(answers)


def strictly(profile):
    return replace(profile, subject=replace(profile.answers, reading="strict"))


def test_the_sample_scores_as_counted_by_hand(run):
    assert (run.status, run.submission, len(run.images)) == ("complete", "answers.jsonl", 20)
    assert run.means["accuracy"] == 0.75
    by_id = {row.id: row.values for row in run.images}
    assert [i for i, values in by_id.items() if not values["accuracy"]] == [
        *("p_203", "p_209", "p_213", "p_215", "s_203")
    ]
    # p_201 is the expert's own reason, p_203 the same with the images exchanged
    assert by_id["p_201"]["bleu4"] == pytest.approx(1)
    assert by_id["p_201"] | {"bleu4": 1.0} == {
        **dict.fromkeys(["accuracy", "bleu4", "rouge_l", "topics_named"], 1.0),
        **dict.fromkeys(["topics_contradicted", "topics_invented", "length_gap"], 0.0),
        "repetition": 0.0,
    }
    assert by_id["p_203"]["topics_contradicted"] > 0.8
    assert by_id["s_202"]["repetition"] > 0.4
    assert by_id["p_206"]["topics_invented"] > 0
    assert by_id["p_215"]["bleu4"] == pytest.approx(0, abs=0.02)


def test_everything_follows_from_the_rows(run):
    rows = [(row.id, row.values, row.pixels) for row in run.images]
    averaged = means(PHASE2, rows)
    assert averaged.values == run.means
    assert compose(PHASE2, averaged.values) == run.scores
    parts = [run.means[name] for name in ("accuracy", "bleu4", "rouge_l")]
    assert run.scores["total"] == pytest.approx(sum(parts) / 3)


def test_the_record_says_what_it_was_computed_from(run):
    facts = run.provenance
    assert facts["lenient"] == {
        **{"think": 1, "case": 1, "untagged reason": 2, "untagged answer": 2},
        **{"words": 2, "outside": 1, "unclosed": 1},
    }
    assert facts["unreadable"] == {"both": 1, "neither": 1}
    assert facts["selection"]["accuracy"]["count"] == 15
    assert facts["selection"]["unreadable"] == 2
    assert facts["corpus"].keys() == {"bleu4"}
    assert facts["judge"] is None
    assert {"sacrebleu", "rouge-score", "reference_sha256", "answers_sha256"} <= facts.keys()
    assert facts["answers"]["p_208"] == {
        "choice": "A",
        "right": True,
        "lenient": ("untagged reason",),
    }
    assert facts["files"]["p_208"]["file"] == "answers.jsonl, line 8"
    assert "p_213: no choice: both images are named as the answer" in run.warnings
    assert "1 of 20 answers: <think> in place of <thinking>" in run.warnings


def test_a_record_survives_its_file(run, tmp_path):
    run.save(tmp_path / "run.json")
    loaded = Run.load(tmp_path / "run.json")
    assert loaded.to_json() == run.to_json()
    assert replace(loaded, provenance={}) == replace(run, provenance={})
    table = run.to_csv().splitlines()
    assert table[0].split(",")[:3] == ["id", "accuracy", "bleu4"]
    assert len(table) == 21


def test_order_and_form_of_a_submission_move_nothing(run, experts, responses):
    scorer = AnswerScorer(PHASE2, experts)
    again = scorer.score(dict(reversed(responses.items())), name="answers.jsonl")
    assert (again.images, again.scores) == (run.images, run.scores)
    assert again.provenance["answers_sha256"] == run.provenance["answers_sha256"]
    assert scorer.score(responses).submission == "answers"


def test_a_strict_reading_takes_the_exact_form_alone(run, experts, answers):
    strict = AnswerScorer(strictly(PHASE2), experts).score(answers)
    assert strict.profile.digest != run.profile.digest
    assert strict.provenance["unreadable"] == {"form": 8}
    assert strict.provenance["lenient"] == {}
    # p_205, p_208, p_210, p_211, s_201 and s_205 are right, but not in the form
    assert strict.means["accuracy"] == 0.75 - 6 / 20


def test_missing_extra_and_double_answers_are_refused(experts, responses):
    some = {i: r for i, r in responses.items() if i != "p_201"} | {"p_999": "x"}
    with pytest.raises(SubmissionError) as caught:
        AnswerScorer(PHASE2, experts).score(some)
    assert caught.value.problems[0].startswith("p_201: missing")
    assert caught.value.problems[1] == "p_999: no pair of the set is called so"


def test_swapped_pairs_show_consistency(experts, responses):
    profile = load_profile("raim2026-piqa-phase2")
    measure = replace(profile.measures["accuracy"], name="same", metric="consistency", options={})
    profile = replace(profile, measures=profile.measures | {"same": measure})
    scorer = AnswerScorer(profile, experts)
    # a model that looks: everything changes place, the letter too
    looks = {i: exchanged(r) for i, r in responses.items()}
    flip = str.maketrans("AB", "BA")
    looks = {
        i: r.rpartition("<answer>")[0] + "<answer>" + r.rpartition("<answer>")[2].translate(flip)
        for i, r in looks.items()
    }
    run = scorer.score(responses, swapped=looks)
    swapped = run.provenance["selection"]["swapped"]
    assert run.means["same"] == swapped["consistent"]["rate"] > 0.7
    # a model that does not look, and says the same again
    blind = scorer.score(responses, swapped=responses)
    assert blind.means["same"] == 0
    # the choice was not asked twice
    assert scorer.score(responses).means["same"] is None


def test_a_judge_scores_reasons(experts, answers, stand_in, tmp_path):
    endpoint = Endpoint(stand_in.url, "judge-1")
    scorer = AnswerScorer(PHASE3, experts, endpoint=endpoint, verdicts=tmp_path / "v.sqlite")
    run = scorer.score(answers)

    assert run.status == "complete"
    judge = run.provenance["judge"]
    assert (judge["calls"], judge["cached"], judge["scale"]) == (40, 0, [0, 10])
    for row in run.images:
        first, second = judge["scores"][row.id]
        assert row.values["judge"] == (first + second) / 20
    assert run.means["judge"] == pytest.approx(
        sum(row.values["judge"] for row in run.images) / 20, abs=1e-15
    )
    parts = [run.means[name] for name in ("accuracy", "bleu4", "rouge_l", "judge")]
    assert run.scores["total"] == pytest.approx(sum(parts) / 4)
    again = scorer.score(answers)
    assert again.images == run.images
    assert (again.provenance["judge"]["calls"], again.provenance["judge"]["cached"]) == (0, 40)


def test_a_judge_that_fails_costs_the_score_and_nothing_else(
    run, experts, answers, stand_in, tmp_path
):
    def reply(asked, number):
        return Reply(400) if "freckles" in asked["messages"][1]["content"] else score(5)

    stand_in.reply = reply
    endpoint = Endpoint(stand_in.url, "judge-1", tries=1)
    scorer = AnswerScorer(PHASE3, experts, endpoint=endpoint, verdicts=tmp_path / "v.sqlite")
    found = scorer.score(answers)

    assert found.status == "partial"
    assert set(found.scores.values()) == {None}
    by_id = {row.id: row.values for row in found.images}
    assert by_id["p_207"]["judge"] is None
    assert {values["judge"] for i, values in by_id.items() if i != "p_207"} == {0.5}
    assert (found.counts["judge"].scored, found.counts["judge"].not_scored) == (19, 1)
    assert {name: found.means[name] for name in run.means} == run.means
    assert found.warnings[-1] == (
        "p_207: the judge is not scored: the endpoint answered with status 400"
    )
    # once it answers, only what is missing is asked
    stand_in.reply = lambda q, n: score(6)
    whole = scorer.score(answers)
    assert (whole.status, whole.provenance["judge"]["calls"]) == ("complete", 2)


def test_without_an_endpoint_the_judge_is_not_scored(run, experts, answers):
    found = AnswerScorer(PHASE3, experts).score(answers)
    assert (found.status, found.scores["total"], found.means["judge"]) == ("partial", None, None)
    assert {name: found.means[name] for name in run.means} == run.means
    assert "the judge is not scored: no endpoint was given" in found.warnings


def test_profiles_and_endpoints_must_fit(experts):
    with pytest.raises(ProfileError, match="raindrop2025 scores images, not answers"):
        AnswerScorer("raindrop2025", experts)
    with pytest.raises(InputError, match="raim2026-piqa-phase2 has no judge to ask"):
        AnswerScorer(PHASE2, experts, endpoint=Endpoint("http://h/v1", "m"))


def test_scoring_answers_never_loads_torch(experts, answers):
    code = (
        "import sys; from gpu_metrics.piqa.scoring import AnswerScorer; "
        f"run = AnswerScorer('raim2026-piqa-phase2', {str(experts)!r}).score({str(answers)!r}); "
        "print(run.means['accuracy'], 'torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("0.75 False\n", "")


def test_records_hold_no_key_and_no_path_of_the_host(experts, answers, stand_in):
    endpoint = Endpoint(stand_in.url, "judge-1", key="sk-secret")
    text = AnswerScorer(PHASE3, experts, endpoint=endpoint).score(answers).to_json()
    assert "sk-secret" not in text
    assert str(experts.parent) not in text
    assert json.loads(text)["provenance"]["judge"]["endpoint"] == stand_in.url
