import pytest

from gpu_metrics.errors import (
    EngineError,
    ProfileError,
    ReferenceSetError,
    SubmissionError,
    WeightsError,
)
from gpu_metrics.platforms.failures import owned, sentence, tell_failure


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (SubmissionError("3 files missing:", ["1", "2", "3"]), "3 files missing: 1; 2; 3"),
        (SubmissionError("4 missing:", "1234"), "4 missing: 1; 2; 3; and 1 more"),
        (SubmissionError("no zip"), "no zip"),
        (SubmissionError("odd:", ["a\nb\x1b[31m"]), r"odd: a\nb\x1b[31m"),
        (
            EngineError("disk full"),
            "the scorer failed, which is no fault of the submission; submit it again: disk full",
        ),
    ],
)
def test_failures_are_one_sentence(error, text):
    assert sentence(error) == text


@pytest.mark.parametrize("kind", [ReferenceSetError, ProfileError, WeightsError])
def test_faults_of_the_hosts_are_not_told_to_participants(kind):
    text = sentence(kind("/srv/secret/001.png: damaged"))
    assert "secret" not in text
    assert text.endswith("which is no fault of the submission; tell its hosts")


def test_the_last_line_is_for_participants(capfd):
    assert tell_failure(ReferenceSetError("unusable:", ["gt/001.png: damaged"])) == 2
    first, *others, last = capfd.readouterr().err.splitlines()
    assert (first, others) == ("unusable:", ["  gt/001.png: damaged"])
    assert "tell its hosts" in last


def test_what_was_not_raised_on_purpose_shows_its_trace(capfd):
    known = EngineError("disk full")
    assert owned(known) is known
    assert capfd.readouterr().err == ""
    try:
        raise KeyError("x")
    except KeyError as error:
        wrapped = owned(error)
    assert (type(wrapped), str(wrapped)) == (EngineError, "KeyError: 'x'")
    assert "in test_what_was_not_raised_on_purpose" in capfd.readouterr().err
