import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_metrics.piqa.experts import load_experts
from gpu_metrics.piqa.grounding import ground, topics
from gpu_metrics.piqa.vocabulary import ATTRIBUTES, REGIONS, quality_of, topic_of


def exchanged(text):
    """The same praise and blame for the other image."""
    for a, b in (("Image A", "Image B"), ("Left", "Right")):
        text = text.replace(a, "\0").replace(b, a).replace("\0", b)
    return text


CASES = {
    "plain": ("Face Noise: Image A (Left) is clean.", {"face": "A", "noise": "A"}),
    "blame": ("Hair: Image A (Left) has halos.", {"hair": "B", "oversharpening": "B"}),
    "slash": ("Hair: Image B/Right is sharper.", {"hair": "B", "sharpness": "B"}),
    "comparison": ("Sky: Image B (Right) is clearer than Image A (Left).", {"sky": "B"}),
    "two clauses": (
        "Eyes: Image A (Left) is blurry, while Image B (Right) is crisp.",
        {"eyes": "B", "sharpness": "B"},
    ),
    "going on": ("Image A is sharp. It preserves the hair.", {"sharpness": None, "hair": "A"}),
    "no longer": ("Skin: Image B shows no smearing.", {"skin": "B", "smearing": "B"}),
    "less": ("Skin: Image B looks less natural.", {"skin": "A", "realism": "A"}),
    "both": ("Text: Both images are legible.", {"text": None}),
    "named alone": ("Clothing Texture: Image A has a texture.", {"clothing": None}),
    "sides": ("Water: the left one is better.", {"water": "A"}),
    "text is no texture": ("Texture", {"texture": None}),
    "nothing": ("Image A wins.", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_topics_and_preferences_are_found(case):
    reason, expected = CASES[case]
    found = topics(reason)
    assert {topic: found[topic] for topic in expected} == expected
    assert bool(found) == bool(expected)


def test_experts_prefer_what_they_chose_wherever_the_words_tell(experts):
    told = right = 0
    for expert in load_experts(experts).experts.values():
        preferred = [image for image in topics(expert.reason).values() if image]
        told += len(preferred)
        right += preferred.count(expert.choice)
    # 20 reasons prefer an image in some 80 topics; one plain case lost would lower this
    assert told >= 80
    assert right == told


def test_the_expert_s_own_words_name_everything(experts):
    for expert in load_experts(experts).experts.values():
        found = topics(expert.reason)
        assert ground(found, found).shares == {
            "topics_named": 1.0,
            "topics_contradicted": 0.0,
            "topics_invented": 0.0,
        }


def test_exchanged_images_contradict_every_preference(experts):
    for expert in load_experts(experts).experts.values():
        mine, theirs = topics(exchanged(expert.reason)), topics(expert.reason)
        preferred = [topic for topic, image in theirs.items() if image]
        assert list(ground(mine, theirs).contradicted) == preferred


def test_named_contradicted_missed_and_invented_topics():
    expert = {"face": "A", "noise": "A", "hair": None, "sky": "B"}
    answer = {"noise": "B", "face": "A", "hair": "B", "text": "A"}
    found = ground(answer, expert)
    assert found.named == ("face", "noise", "hair")
    assert (found.contradicted, found.missed, found.invented) == (("noise",), ("sky",), ("text",))
    assert found.shares == {
        "topics_named": 0.75,
        "topics_contradicted": 0.25,
        "topics_invented": 0.25,
    }


def test_without_topics_to_name_nothing_is_scored():
    assert ground({"sky": "A"}, {}).shares == {
        "topics_named": None,
        "topics_contradicted": None,
        "topics_invented": 1.0,
    }
    assert ground({}, {"sky": "A"}).shares["topics_invented"] == 0


def test_every_word_of_the_vocabulary_has_one_meaning():
    forms = [
        form for table in (REGIONS, ATTRIBUTES) for text in table.values() for form in text.split()
    ]
    assert len(forms) == len(set(forms))
    assert topic_of("textured") == "texture"
    assert topic_of("text") == "text"
    assert topic_of("image") is None
    assert (quality_of("natural"), quality_of("unnaturally")) == ("better", "worse")


@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from("image a b left not : ; , .".split())).map(" ".join)
)
def test_no_text_breaks_the_topics(text):
    assert topics(text).keys() <= (REGIONS | ATTRIBUTES).keys()
