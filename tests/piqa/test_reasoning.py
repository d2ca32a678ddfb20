import warnings

import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st

from gpu_metrics.answer_metrics import ANSWER_METRICS
from gpu_metrics.piqa.answers import read_answer
from gpu_metrics.piqa.experts import load_experts
from gpu_metrics.piqa.reasoning import (
    Bleu,
    RougeL,
    common_words,
    length_gap,
    repetition,
    words_of,
)

with warnings.catch_warnings():
    # nltk, which it loads, warns on some versions of Python
    warnings.simplefilter("ignore")
    from rouge_score.rouge_scorer import RougeScorer

WORDS = st.sampled_from(["image", "a", "b", "sharp", "sharper", "noise", "the", "texture", "&amp;"])
MARKS = st.sampled_from([" ", ". ", ", ", "\n", "-", "'s ", " 1.5 ", "é", "  "])
TEXT = st.lists(st.tuples(WORDS, MARKS), max_size=40).map(lambda p: "".join(w + m for w, m in p))


def options(metric, **given):
    return {n: o.default for n, o in ANSWER_METRICS[metric].options.items()} | given


def scored(bleu, answer, expert):
    counts = bleu.count(bleu.tokens(answer), bleu.tokens(expert))
    return counts, bleu.score(counts)


BLEUS = [
    {},
    {"order": 2},
    {"tokenizer": "intl"},
    {"smoothing": "none"},
    {"smoothing": "floor"},
    {"smoothing": "add-k"},
    {"case": "lowered"},
]


@pytest.mark.parametrize("given", BLEUS, ids=str)
def test_bleu_is_sacrebleu_s_to_the_last_bit(given, experts, responses):
    chosen = options("bleu", **given)
    bleu = Bleu(chosen)
    peer = sacrebleu.BLEU(
        tokenize=chosen["tokenizer"],
        smooth_method=chosen["smoothing"],
        lowercase=chosen["case"] == "lowered",
        max_ngram_order=chosen["order"],
        effective_order=True,
    )
    pairs = [
        (read_answer(responses[id_]).reason, expert.reason)
        for id_, expert in load_experts(experts).experts.items()
    ]
    pairs += [("", "a b"), ("A", "a"), ("a b c", "a b c"), ("é, 1.5&amp;", "é , 1.5 &")]

    counts, scores = zip(*(scored(bleu, *pair) for pair in pairs), strict=True)

    assert list(scores) == [peer.sentence_score(x, [y]).score / 100 for x, y in pairs]
    peer.effective_order = False
    xs, ys = zip(*pairs, strict=True)
    assert bleu.corpus_score(counts) == peer.corpus_score(xs, [ys]).score / 100
    assert len(set(scores)) > 10


@given(TEXT, TEXT.filter(str.strip))
def test_bleu_and_rouge_agree_with_their_libraries_on_any_text(answer, expert):
    _, bleu = scored(Bleu(options("bleu")), answer, expert)
    assert bleu == sacrebleu.sentence_bleu(answer, [expert]).score / 100

    rouge = RougeL(options("rouge_l"))
    peer = RougeScorer(["rougeL"])
    ours = rouge.score(rouge.tokens(answer), rouge.tokens(expert))
    assert ours == peer.score(expert, answer)["rougeL"].fmeasure


@pytest.mark.parametrize("stemmer", ["none", "porter"])
def test_rouge_l_is_rouge_score_s_to_the_last_bit(stemmer, experts, responses):
    rouge = RougeL(options("rouge_l", stemmer=stemmer))
    peer = RougeScorer(["rougeL"], use_stemmer=stemmer == "porter")
    scores = []
    for id_, expert in load_experts(experts).experts.items():
        reason = read_answer(responses[id_]).reason
        scores.append(rouge.score(rouge.tokens(reason), rouge.tokens(expert.reason)))
        assert scores[-1] == peer.score(expert.reason, reason)["rougeL"].fmeasure
    assert len(set(scores)) > 10


def test_a_stemmer_joins_what_it_should():
    pair = "smearing of textures", "smeared texture"
    plain, stemmed = (RougeL(options("rouge_l", stemmer=s)) for s in ("none", "porter"))
    assert plain.score(*map(plain.tokens, pair)) == 0
    assert stemmed.score(*map(stemmed.tokens, pair)) == pytest.approx(0.8)


@given(st.lists(st.integers(0, 3), max_size=80), st.lists(st.integers(0, 3), max_size=80))
def test_common_words_are_those_of_the_usual_table(x, y):
    x, y = [str(w) for w in x], [str(w) for w in y]
    row = [0] * (len(y) + 1)
    for word in x:
        above = row
        row = [0]
        for column, other in enumerate(y):
            best = above[column] + 1 if word == other else max(row[-1], above[column + 1])
            row.append(best)

    assert common_words(x, y) == common_words(y, x) == row[-1]


def test_the_same_text_scores_best_and_none_scores_nothing():
    text = "Face Noise: Image A (Left) is clean."
    bleu, rouge = Bleu(options("bleu")), RougeL(options("rouge_l"))
    assert scored(bleu, text, text)[1] == pytest.approx(1, abs=1e-15)
    assert scored(bleu, "", text)[1] == 0
    assert rouge.score(rouge.tokens(text), rouge.tokens(text)) == 1
    assert rouge.score([], rouge.tokens(text)) == 0


def test_length_and_repetition():
    words = words_of("A b, a b. C a b a!")
    assert words == ["a", "b", "a", "b", "c", "a", "b", "a"]
    assert length_gap(words, words) == 0
    assert length_gap([], words) == 1
    assert length_gap(words * 3, words) == 2
    # 7 runs of two words, 4 of them different
    assert repetition(words, 2) == 1 - 4 / 7
    assert repetition(words, 9) == repetition([], 1) == 0
    assert repetition(["a"] * 5, 1) == 0.8
