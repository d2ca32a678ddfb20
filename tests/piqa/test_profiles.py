import pytest

from gpu_metrics.answer_metrics import ANSWER_METRICS
from gpu_metrics.catalog import METRICS, check_options
from gpu_metrics.errors import ProfileError
from gpu_metrics.piqa.answers import Answer
from gpu_metrics.piqa.experts import Expert
from gpu_metrics.piqa.measuring import Given, Meters
from gpu_metrics.profiles import WHOLE_IMAGE, Measure, load_profile, parse_profile

GOOD = """
schema = 1
name = "small"
version = "1"
title = ""
source = ""
notes = ""
[answers]
reading = "strict"
[answers.judge]
rubric = "  Is it so?  "
lowest = 1
highest = 5
temperature = 0
seed = 7
[measures]
accuracy = { metric = "choice" }
bleu2 = { metric = "bleu", order = 2 }
judge = { metric = "judge" }
[formula]
total = "accuracy + bleu2 + judge"
[ranking]
by = "total"
higher_is_better = true
digits = 4
[typical]
accuracy = 0.7
bleu2 = 0.3
judge = 0.5
"""
JUDGE = GOOD[GOOD.index("[answers.judge]") : GOOD.index("[measures]")]


def parse(text):
    return parse_profile(text, where="small.toml")


def changed(old, new):
    assert GOOD.count(old) == 1, f"{old!r} must occur once"
    return GOOD.replace(old, new)


def test_everything_that_is_written_is_read():
    profile = parse(GOOD)
    judge = profile.answers.judge
    assert profile.answers.reading == "strict"
    assert (judge.rubric, judge.lowest, judge.highest) == ("Is it so?", 1, 5)
    assert (judge.temperature, judge.seed, judge.model) == (0.0, 7, None)
    assert profile.measures["bleu2"].options == {
        **{"order": 2, "tokenizer": "13a", "smoothing": "exp", "case": "kept"}
    }
    assert not profile.needs_masks
    assert parse(changed("seed = 7", 'seed = 7\nmodel = "m"')).answers.judge.model == "m"


BAD = {
    "reading": ('"strict"', '"loose"', r"\[answers\]: unknown reading 'loose'; .*strict, lenient"),
    "no reading": ('reading = "strict"', "", r"\[answers\]: missing key 'reading'"),
    "both subjects": ("[answers]", "[images]\n[answers]", "one of the tables .images. and .answ"),
    "no subject": ('[answers]\nreading = "strict"\n' + JUDGE, "", "one of the tables"),
    "regions": ("[formula]", "[regions]\n[formula]", r"\[regions\]: answers have no regions"),
    "judge without measure": ('judge = { metric = "judge" }', "", "need each other"),
    "measure without judge": (JUDGE, "", "judge and .answers.judge. need each other"),
    "judge key": ("lowest", "lowst", r"\[answers.judge\]: unknown key 'lowst'.*mean 'lowest'"),
    "empty rubric": ('"  Is it so?  "', '" "', "rubric is empty; say what"),
    "scale": ("highest = 5", "highest = 1", "lowest must be below highest, got 1 and 1"),
    "half points": ("highest = 5", "highest = 5.5", "highest: expected a whole number"),
    "temperature": ("temperature = 0", "temperature = 3", "must lie in 0..2, got 3"),
    "image metric": ('"choice"', '"psnr"', "unknown metric 'psnr'; available: choice, cons"),
    "region of an answer": ('"choice"', '"choice", region = "image"', "unknown key 'region'"),
    "pool of an answer": ('"choice"', '"choice", pool = "pixels"', "unknown key 'pool'"),
    "order": ("order = 2", "order = 9", r"bleu2.order: expected a whole number in 1..8, got 9"),
}


@pytest.mark.parametrize("fault", BAD)
def test_what_does_not_fit_is_told(fault):
    old, new, reason = BAD[fault]
    with pytest.raises(ProfileError, match=reason):
        parse(changed(old, new))


def test_a_profile_of_images_knows_no_metric_of_answers():
    text = GOOD.replace('[answers]\nreading = "strict"\n' + JUDGE, "[images]\npairing = 'stem'\n")
    with pytest.raises(ProfileError, match="unknown metric 'choice'; available: psnr"):
        parse(text.replace("pairing = 'stem'", "pairing = 'stem'\nextensions = ['.png']"))
    assert not ANSWER_METRICS.keys() & METRICS.keys()


def test_each_asks_for_the_verb_that_fits():
    with pytest.raises(ProfileError, match="small scores answers, not images; use .*piqa score"):
        _ = parse(GOOD).images
    with pytest.raises(ProfileError, match="raindrop2025 scores images, not answers"):
        _ = load_profile("raindrop2025").answers


@pytest.mark.parametrize(
    ("old", "new", "moves"),
    [
        ('"strict"', '"lenient"', True),
        ("Is it so?", "Is it not so?", True),
        ('"  Is it so?  "', '"Is it so?"', False),
        ("highest = 5", "highest = 6", True),
        ("temperature = 0", "temperature = 0.5", True),
        ("temperature = 0", "temperature = 0.0", False),
        ("seed = 7", "seed = 8", True),
        ("seed = 7", 'seed = 7\nmodel = "m"', True),
        ("order = 2", "order = 3", True),
        ('"bleu", order = 2', '"bleu", order = 2, case = "kept"', False),
        ("accuracy = 0.7", "accuracy = 0.6", False),
    ],
)
def test_the_digest_moves_with_the_rules_alone(old, new, moves):
    assert (parse(changed(old, new)).digest != parse(GOOD).digest) == moves


def test_digests_of_the_track_s_profiles_are_unchanged_or_every_earlier_ranking_is_void():
    assert {n: load_profile(f"raim2026-piqa-{n}").digest for n in ("phase2", "phase3")} == DIGESTS


def test_profiles_say_that_their_weights_are_assumed():
    for phase in ("phase2", "phase3"):
        profile = load_profile(f"raim2026-piqa-{phase}")
        assert "weights assumed" in profile.title
        assert "not comparable with a published one" in " ".join(profile.notes.split())


def test_phases_differ_by_the_judge_alone():
    second, third = (load_profile(f"raim2026-piqa-{phase}") for phase in ("phase2", "phase3"))
    assert third.measures.keys() - second.measures.keys() == {"judge"}
    assert all(third.measures[n] == second.measures[n] for n in second.measures)
    assert second.answers.judge is None


def test_every_metric_of_the_catalog_is_measured():
    measures = {
        name: Measure(
            name, name, WHOLE_IMAGE, check_options(name, {}, where="", among=ANSWER_METRICS), "mean"
        )
        for name in ANSWER_METRICS
    }
    answers = {"1": Answer("A", "Sky Noise: Image A is clean, without any noise.")}
    experts = {"1": Expert("A", answers["1"].reason, None)}
    found = Meters(measures, experts)(Given(answers, {"1": Answer("B", "")}, {"1": 1.0}))
    best = {name: pytest.approx(float(m.higher_is_better)) for name, m in ANSWER_METRICS.items()}
    assert {name: measured.values["1"] for name, measured in found.items()} == best


DIGESTS = {
    "phase2": "8a20942fbb786a134517c58be10b893d9a6545499f1c55f3319fac0346581c6e",
    "phase3": "709226925f52acdf1bc8ec7955ede68d9d508e6e4d0456dfc8b1861afd41d660",
}
