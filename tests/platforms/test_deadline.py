import signal
import time

import pytest

from gpu_metrics.errors import EngineError
from gpu_metrics.platforms.deadline import deadline


def test_work_that_takes_too_long_is_stopped_where_it_is():
    start = time.monotonic()
    with pytest.raises(EngineError, match="stopped after 0.05 seconds, which is the time there is"):
        with deadline(0.05):
            time.sleep(30)
    assert time.monotonic() - start < 5


def test_errors_that_are_swallowed_come_again(monkeypatch):
    monkeypatch.setattr("gpu_metrics.platforms.deadline._AGAIN", 0.05)
    with pytest.raises(EngineError):
        with deadline(0.05):
            try:
                time.sleep(30)
            except EngineError:
                time.sleep(30)


@pytest.mark.parametrize("seconds", [None, 0.05])
def test_nothing_happens_in_time_or_afterwards(seconds):
    before = signal.getsignal(signal.SIGALRM)
    with deadline(seconds):
        pass
    time.sleep(0.1)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_the_clock_is_given_back_after_other_errors():
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(KeyError), deadline(0.05):
        raise KeyError
    time.sleep(0.1)
    assert signal.getsignal(signal.SIGALRM) is before
