import csv
import json
import subprocess
import sys

import pytest

from gpu_metrics.results import Run
from tests.piqa.stand_in import Reply, score

PHASE3 = "raim2026-piqa-phase3"


@pytest.fixture
def judged(run_cli, experts, answers, stand_in, monkeypatch):
    """Score by the stand-in, the record being written to a file."""
    monkeypatch.setenv("GPU_METRICS_JUDGE_URL", stand_in.url)
    monkeypatch.setenv("GPU_METRICS_JUDGE_MODEL", "judge-1")
    monkeypatch.setenv("GPU_METRICS_JUDGE_KEY", "sk-secret")

    def run(path, *arguments):
        given = (answers, "--reference", experts, "--profile", PHASE3, "-o", path)
        return run_cli("piqa", "score", *given, *arguments)

    return run


def lines(text):
    return [line.split() for line in text.splitlines() if line.strip()]


def test_the_sample_is_scored_end_to_end(experts, answers, tmp_path):
    arguments = ["piqa", "score", answers, "--reference", experts, "-o", tmp_path / "run.json"]
    code = "from gpu_metrics.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)

    assert result.returncode == 0, result.stderr
    assert ["accuracy", "15/20", "0.7500", "0.5313", "0.8881"] in lines(result.stdout)
    assert "note: p_215: no choice" in result.stderr
    total = Run.load(tmp_path / "run.json").scores["total"]
    assert ["total", f"{total:.4f}"] in lines(result.stdout)


HELP = """
import sys
from gpu_metrics.cli import main
for verb in ([], ["score"], ["validate"], ["compare"]):
    sys.argv = ["gpu-metrics", "piqa", *verb, "--help"]
    try:
        main()
    except SystemExit as ended:
        assert ended.code == 0, verb
heavy = {"torch", "numpy", "scipy", "sacrebleu", "rouge_score", "httpx"}
print("loaded:", *heavy & {*sys.modules}, file=sys.stderr)
"""


def test_help_of_every_verb_loads_nothing_heavy():
    result = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "loaded:\n")
    assert result.stdout.count("Usage: gpu-metrics piqa") == 4


ABSENT = """
import sys
from importlib.machinery import PathFinder
class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, *arguments):
        if name not in ("sacrebleu", "rouge_score", "httpx"):
            return PathFinder.find_spec(name, *arguments)
sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
from gpu_metrics.cli import main
main()
"""


@pytest.mark.parametrize(("verb", "code"), [("validate", 1), ("score", 4)])
def test_validating_needs_no_extra_and_scoring_says_which(experts, answers, verb, code):
    arguments = ["piqa", verb, str(answers), "--reference", str(experts)]
    command = [sys.executable, "-c", ABSENT, *arguments]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == code
    needs = "reasons need sacrebleu and rouge-score: pip install 'gpu-metrics[piqa]'"
    assert (needs in result.stderr) == (verb == "score")


def test_stdout_may_be_the_record(run_cli, experts, answers, tmp_path):
    table = tmp_path / "answers.csv"
    outcome = run_cli(
        "piqa", "score", answers, "--reference", experts, "--format", "json", "--per-answer", table
    )
    assert outcome.code == 0
    assert Run.from_json(outcome.out).means["accuracy"] == 0.75
    with table.open(newline="") as file:
        assert sum(float(row["accuracy"]) for row in csv.DictReader(file)) == 15


def test_a_judge_is_asked_by_environment(judged, stand_in, tmp_path):
    outcome = judged(tmp_path / "run.json", "--prices", 1, 2)
    assert outcome.code == 0, outcome.err
    assert "judge: judge-1, 40 calls, 0 answers kept from before, 4000 + 200 tokens" in outcome.out
    assert "cost 0.0044" in outcome.out
    assert stand_in.headers[0]["authorization"] == "Bearer sk-secret"
    assert "sk-secret" not in (tmp_path / "run.json").read_text()
    assert (tmp_path / "cache" / "verdicts.sqlite").is_file()
    assert "judge-1, 0 calls, 40 answers kept" in judged(tmp_path / "run.json").out


def test_a_judge_that_fails_is_no_score_and_exits_1(judged, stand_in, tmp_path):
    stand_in.reply = lambda q, n: Reply(400)
    outcome = judged(tmp_path / "run.json")
    assert outcome.code == 1
    assert ["total", "-"] in lines(outcome.out)
    assert "the judge is not scored everywhere, so there is no score" in outcome.err
    assert Run.load(tmp_path / "run.json").status == "partial"


def test_a_judge_needs_a_model(run_cli, experts, answers, stand_in):
    given = ("piqa", "score", answers, "--reference", experts, "--judge", stand_in.url)
    outcome = run_cli(*given, "--profile", PHASE3)
    assert (outcome.code, outcome.out) == (2, "")
    assert "error: --judge-model: expected the name of a model" in outcome.err
    outcome = run_cli(*given)
    assert outcome.code == 0
    assert "note: raim2026-piqa-phase2 has no judge, so none is asked" in outcome.err


def test_a_submission_that_does_not_fit_is_refused(run_cli, experts, copied):
    copied.write_text("".join(copied.read_text().splitlines(keepends=True)[1:]) + "{\n")
    outcome = run_cli("piqa", "score", copied, "--reference", experts)
    assert (outcome.code, outcome.out) == (3, "")
    assert "p_201: missing" in outcome.err
    assert "answers.jsonl, line 20: expected a JSON object" in outcome.err


def test_wrong_use_is_told(run_cli, experts, answers, tmp_path):
    outcome = run_cli("piqa", "score", answers, "--reference", tmp_path / "gone")
    assert (outcome.code, outcome.out) == (2, "")
    (tmp_path / "gt").mkdir()
    outcome = run_cli("score", tmp_path, "--reference", tmp_path, "--profile", PHASE3)
    assert (outcome.code, outcome.out) == (2, "")
    assert "scores answers, not images; use `gpu-metrics piqa score`" in outcome.err


def test_validate_says_how_answers_are_read(run_cli, experts, answers, tmp_path):
    outcome = run_cli("piqa", "validate", answers, "--reference", experts)
    assert (outcome.code, outcome.err) == (1, "")
    assert outcome.out.startswith("answers.jsonl: 18 of 20 readable, 12 as asked for\n")
    assert "note: p_213: no choice: both images are named as the answer" in outcome.out

    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(json.loads(line)["id"] for line in answers.read_text().splitlines()))
    assert run_cli("piqa", "validate", answers, "--ids", ids) == outcome


def test_validate_accepts_and_refuses(run_cli, experts, copied, tmp_path):
    text = copied.read_text()
    for response in ("A or B</answer>", "I am sorry, but I cannot compare pictures of people."):
        assert text.count(response) == 1
        text = text.replace(response, "<answer>A</answer>")
    copied.write_text(text)
    assert run_cli("piqa", "validate", copied, "--reference", experts).code == 0

    copied.write_text(text.replace("p_201", "p_291"))
    outcome = run_cli("piqa", "validate", copied, "--reference", experts)
    assert (outcome.code, outcome.out) == (3, "")
    assert "p_201: missing; did you mean 'p_291'?" in outcome.err
    assert run_cli("piqa", "validate", copied).code == 2


def test_two_teams_are_compared(run_cli, experts, answers, copied, tmp_path):
    copied = copied.rename(tmp_path / "rival.jsonl")
    copied.write_text(copied.read_text().replace("<answer>A<", "<answer>B<"))
    for name, path in (("one", answers), ("two", copied)):
        run_cli("piqa", "score", path, "--reference", experts, "-o", tmp_path / name)
    outcome = run_cli("piqa", "compare", tmp_path / "one", tmp_path / "two")
    assert outcome.code == 0
    first, second = (Run.load(tmp_path / name) for name in ("one", "two"))
    wins = [
        a.values["accuracy"] - b.values["accuracy"]
        for a, b in zip(first.images, second.images, strict=True)
    ]
    assert ["answers.jsonl", "alone", str(wins.count(1))] in lines(outcome.out)
    assert ["rival.jsonl", "alone", str(wins.count(-1))] in lines(outcome.out)
    assert wins.count(1) > wins.count(-1) > 0
    assert "McNemar's exact test: p = " in outcome.out


def test_only_runs_that_belong_together_are_compared(run_cli, experts, answers, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    run_cli("piqa", "score", answers, "--reference", experts, "-o", one)
    run_cli("piqa", "score", answers, "--reference", experts, "-o", two, "--profile", PHASE3)
    outcome = run_cli("piqa", "compare", one, two)
    assert (outcome.code, outcome.out) == (2, "")
    assert "cannot be compared: they differ in profile" in outcome.err

    changed = tmp_path / "experts.jsonl"
    changed.write_text(experts.read_text().replace("pores", "freckles"))
    run_cli("piqa", "score", answers, "--reference", changed, "-o", two)
    assert "they differ in experts' answers" in run_cli("piqa", "compare", one, two).err

    assert "expected another run record" in run_cli("piqa", "compare", one).err
    record = json.loads(one.read_text())
    two.write_text(json.dumps(record | {"provenance": {}}))
    assert (
        "expected the record of a run of `piqa score`" in run_cli("piqa", "compare", two, two).err
    )


def test_a_judge_is_compared_with_people(run_cli, judged, stand_in, experts, tmp_path):
    record, people = tmp_path / "run.json", tmp_path / "people.csv"
    judged(record)
    scores = Run.load(record).provenance["judge"]["scores"]
    rows = [f"{id_},{(a + b + 1) // 2}" for id_, (a, b) in scores.items()]
    people.write_text("id,score\n" + "\n".join(rows))
    outcome = run_cli("piqa", "compare", record, "--people", people, "--weights", "none")
    assert outcome.code == 0
    assert "Cohen's kappa, weights none   1.0000      1.0000   1.0000" in outcome.out
    assert "Spearman's correlation        1.0000" in outcome.out

    stand_in.reply = lambda q, n: score(5)
    judged(record, "--verdicts", tmp_path / "other.sqlite")
    outcome = run_cli("piqa", "compare", record, "--people", people)
    assert ["Spearman's", "correlation", "-", "-", "-"] in lines(outcome.out)


def test_people_need_a_judge_to_agree_with(run_cli, experts, answers, tmp_path):
    record, people = tmp_path / "run.json", tmp_path / "people.csv"
    people.write_text("id,score\n")
    run_cli("piqa", "score", answers, "--reference", experts, "-o", record)
    outcome = run_cli("piqa", "compare", record, "--people", people)
    assert (outcome.code, outcome.out) == (2, "")
    assert "no judge was asked in this run" in outcome.err
