import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_metrics.piqa.answers import LENIENCIES, UNREADABLE, read_answer

FORMS = {
    "exact": ("<thinking>r</thinking><answer>A</answer>", "A", "r", []),
    "exact lines": ("\n<thinking>\nr\nq\n</thinking>\n\n<answer>\n B </answer>\n", "B", "r\nq", []),
    "case of a tag": ("<Thinking>r</thinking><ANSWER>A</ANSWER>", "A", "r", ["case"]),
    "case of the letter": ("<thinking>r</thinking><answer>b</answer>", "B", "r", ["case"]),
    "spaces": ("< thinking >r</ thinking ><answer >A</answer>", "A", "r", ["spaces"]),
    "think": ("<think>r</think><answer>A</answer>", "A", "r", ["think"]),
    "unopened": ("r</thinking><answer>A</answer>", "A", "r", ["unopened"]),
    "unclosed": ("<thinking>r<answer>A", "A", "r", ["unclosed"]),
    "crossed": ("<thinking>r</thinking><answer>A</thinking>", "A", "r", ["unclosed"]),
    "repeated": (
        "<thinking>r</thinking><answer>A</answer><answer>A</answer>",
        "A",
        "r",
        ["repeated", "words"],
    ),
    "order": ("<answer>A</answer><thinking>r</thinking>", "A", "r", ["order"]),
    "outside": ('ok <thinking>r</thinking><answer>A</answer>"', "A", "r", ["outside"]),
    "image": ("<thinking>r</thinking><answer>image a</answer>", "A", "r", ["words"]),
    "side": ("<thinking>r</thinking><answer>Image B (Right)</answer>", "B", "r", ["words"]),
    "side alone": ("<thinking>r</thinking><answer>the left one</answer>", "A", "r", ["words"]),
    "marks": ("<thinking>r</thinking><answer>**b**.</answer>", "B", "r", ["words"]),
    "no reason": ("r\n<answer>A</answer>", "A", "r", ["untagged reason"]),
    "stated": ("<thinking>r</thinking> The answer is B.", "B", "r", ["untagged answer", "outside"]),
    "stated with a colon": (
        "r\nAnswer: **Image A**",
        "A",
        "r",
        ["untagged answer", "untagged reason"],
    ),
    "stated inside": ("<thinking>r answer: A</thinking>", "A", "r", ["untagged answer"]),
    "last line": ("r\n(B)", "B", "r", ["untagged answer", "untagged reason"]),
}
NONE = {
    "both": ("<thinking>r</thinking><answer>A|B</answer>", "both"),
    "both in words": ("<thinking>r</thinking><answer>A is better than B</answer>", "both"),
    "letter against side": ("<thinking>r</thinking><answer>Image A (Right)</answer>", "both"),
    "two answers": ("<thinking>r</thinking><answer>A</answer><answer>B</answer>", "both"),
    "a draft that differs": ("<thinking>r<answer>A</answer></thinking><answer>B</answer>", "both"),
    "two statements": ("the answer is A, no, the answer is B", "both"),
    "another letter": ("<thinking>r</thinking><answer>C</answer>", "neither"),
    "empty answer": ("<thinking>r</thinking><answer></answer>", "neither"),
    "refusal": ("I cannot compare these images.", "neither"),
    "letters in words": ("<thinking>r</thinking><answer>Amazing, Bob</answer>", "neither"),
    "nothing": ("", "neither"),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_are_read_and_told(form):
    text, choice, reason, lenient = FORMS[form]

    answer = read_answer(text)

    assert (answer.choice, answer.reason, answer.unreadable) == (choice, reason, None)
    assert list(answer.lenient) == lenient


@pytest.mark.parametrize("form", NONE)
def test_what_holds_no_choice_says_why(form):
    text, why = NONE[form]

    answer = read_answer(text)

    assert (answer.choice, answer.unreadable) == (None, why)


@pytest.mark.parametrize("form", FORMS)
def test_a_strict_reading_takes_the_exact_form_alone(form):
    text, choice, reason, lenient = FORMS[form]

    answer = read_answer(text, strict=True)

    if lenient:
        assert (answer.choice, answer.reason, answer.unreadable) == (None, "", "form")
    else:
        assert answer == read_answer(text)


def test_every_leniency_and_every_fault_has_its_case():
    assert {key for _, _, _, lenient in FORMS.values() for key in lenient} == LENIENCIES.keys()
    assert {why for _, why in NONE.values()} | {"form"} == UNREADABLE.keys()


PIECES = st.sampled_from(
    ["<thinking>", "</thinking>", "<think>", "</ Think >", "<answer>", "</answer>", "<ANSWER"]
    + ["A", "B", "a", "Image ", "left", "answer is ", "answer: ", "|", "\n", " ", ">", "<", "é"]
)


@given(st.lists(PIECES | st.text(max_size=5), max_size=30).map("".join))
def test_no_text_breaks_the_reader(text):
    lenient, strict = read_answer(text), read_answer(text, strict=True)

    assert set(lenient.lenient) <= LENIENCIES.keys()
    assert (lenient.choice is None) == (lenient.unreadable in ("both", "neither"))
    # nothing is made up: the reason is the text with parts left out
    rest = iter(text)
    assert all(letter in rest for letter in lenient.reason if not letter.isspace())
    if strict.choice is not None:
        assert strict == lenient
        assert not lenient.lenient


@given(st.sampled_from("AB"), st.text(alphabet=st.characters(exclude_characters="<>")))
def test_the_exact_form_survives(choice, reason):
    answer = read_answer(f"<thinking>{reason}</thinking>\n<answer>{choice}</answer>", strict=True)

    assert (answer.choice, answer.reason, answer.lenient) == (choice, reason.strip(), ())


@pytest.mark.parametrize(
    "piece", ["<", "< ", "answer ", "answer: ", "image ", "<answer>", "</answer>", "A ", "*", "\n"]
)
def test_time_grows_with_the_length_alone(piece):
    # quadratic time would take minutes for the longer text
    text = piece * (400_000 // len(piece))
    begin = time.perf_counter()
    read_answer(text)
    assert time.perf_counter() - begin < 5
