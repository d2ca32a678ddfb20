"""A limit of time that ends work from inside, before a platform ends it from outside."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from gpu_metrics.errors import EngineError

# code that swallows the first error meets another
_AGAIN = 5.0


@contextmanager
def deadline(seconds: float | None) -> Iterator[None]:
    """Raise EngineError inside of the `with` statement when it takes longer; None: never.

    The process has one alarm clock, which belongs to the main thread: one deadline at a time. A
    call into native code is waited for.
    """
    if seconds is None:
        yield
        return

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise EngineError(f"stopped after {seconds:g} seconds, which is the time there is")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
