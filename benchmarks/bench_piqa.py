"""Scoring reasons: the package against sacrebleu and rouge-score called for one pair at a time.

`python -m benchmarks.bench_piqa` times both in turns, without the type checks of the tests, which
cost our many small functions most of their time.
"""

import json
import random
import tempfile
import time
from pathlib import Path

import pytest
import sacrebleu
from rouge_score.rouge_scorer import RougeScorer

from gpu_metrics.piqa.answers import read_answer
from gpu_metrics.piqa.scoring import AnswerScorer

REGIONS = "Face Hair Clothing Skin Eyes Background Sky Building Foliage Global".split()
QUALITIES = "Texture Sharpness Noise Artifacts Color Realism".split()
WORDS = (
    "keeps fine natural detail in the dark parts and along edges with less smearing noise halos "
    "over-sharpening than before, which looks clean, uniform; slightly soft (about 10%)"
).split()


def reason(generator):
    """Four lines of about 85 words in all, as experts write."""
    lines = []
    for _ in range(4):
        a, b = (" ".join(generator.choices(WORDS, k=7)) for _ in "ab")
        topic = f"{generator.choice(REGIONS)} {generator.choice(QUALITIES)}"
        lines.append(f"{topic}: Image A (Left) {a}, while Image B (Right) {b}.")
    return "\n".join(lines)


def made(folder, count):
    """A scorer and responses for so many pairs."""
    generator = random.Random(0)
    forms = [
        f"<thinking>\n{reason(generator)}\n</thinking>\n<answer>{generator.choice('AB')}</answer>"
        for _ in range(2 * count)
    ]
    path = folder / "experts.jsonl"
    lines = [json.dumps({"id": f"{n:05}", "solution": forms[n]}) for n in range(count)]
    path.write_text("\n".join(lines), "utf-8")
    responses = {f"{n:05}": forms[count + n] for n in range(count)}
    return AnswerScorer("raim2026-piqa-phase2", path), responses


def ours(scorer, responses):
    """Everything the profile asks: choices, BLEU, ROUGE, topics, length, repetition, statistics."""
    run = scorer.score(responses)
    corpus = run.provenance["corpus"]["bleu4"]
    return [(row.values["bleu4"], row.values["rouge_l"]) for row in run.images], corpus


def libraries(scorer, responses):
    """BLEU and ROUGE-L alone, pair by pair, and the corpus BLEU."""
    rouge = RougeScorer(["rougeL"])
    pairs = [
        (read_answer(responses[id_]).reason, expert.reason)
        for id_, expert in scorer.experts.experts.items()
    ]
    rows = [
        (sacrebleu.sentence_bleu(x, [y]).score / 100, rouge.score(y, x)["rougeL"].fmeasure)
        for x, y in pairs
    ]
    answers, experts = zip(*pairs, strict=True)
    return rows, sacrebleu.corpus_bleu(answers, [experts]).score / 100


FUNCTIONS = {"ours": ours, "sacrebleu and rouge-score": libraries}


@pytest.mark.parametrize("name", FUNCTIONS)
def bench_reasons(benchmark, tmp_path, name):
    benchmark.group = "500 answers"
    scorer, responses = made(tmp_path, 500)

    result = benchmark.pedantic(FUNCTIONS[name], (scorer, responses), rounds=1)

    (other,) = FUNCTIONS.keys() - {name}
    assert result == FUNCTIONS[other](scorer, responses)


def main():
    best = {}
    with tempfile.TemporaryDirectory() as folder:
        scorer, responses = made(Path(folder), 1_000)
        assert ours(scorer, responses) == libraries(scorer, responses)
        for turn in range(5):
            # sacrebleu remembers the tokens of texts that it has seen
            new = {i: r.replace("<thinking>", f"<thinking>{turn} ") for i, r in responses.items()}
            for name, function in FUNCTIONS.items():
                start = time.perf_counter()
                function(scorer, new)
                best[name] = min(best.get(name, float("inf")), time.perf_counter() - start)
        scorer, responses = made(Path(folder), 10_000)
        start = time.perf_counter()
        ours(scorer, responses)
        whole = time.perf_counter() - start
    for name, seconds in best.items():
        print(f"1,000 answers, {name}: {seconds:.2f} s ({seconds / best['ours']:.1f})")
    print(f"10,000 answers, ours: {whole:.1f} s")


if __name__ == "__main__":
    main()
