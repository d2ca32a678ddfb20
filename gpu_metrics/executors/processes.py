"""Workers in processes of their own, so that one that dies takes nothing with it."""

import pickle
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from subprocess import PIPE
from typing import Any, BinaryIO, cast

from gpu_metrics.errors import EngineError, GpuMetricsError
from gpu_metrics.executors.plan import OnImages, Plan, Result, Task, WorkerLost, understood
from gpu_metrics.weights import Say

# -P: a module in the current folder, which may hold submissions, is never imported
_COMMAND = [sys.executable, "-P", "-m", "gpu_metrics.executors.worker"]


class ProcessWorker:
    """A child process that holds a scorer on one device.

    It is started as a program and not by multiprocessing, so a caller needs no main guard, and
    never by fork, which CUDA does not survive.
    """

    def __init__(self, plan: Plan, device: str, say: Say) -> None:
        self._plan, self._device, self._say = plan, device, say
        try:
            self._process = subprocess.Popen(_COMMAND, stdin=PIPE, stdout=PIPE)
        except OSError as error:
            raise EngineError(f"{sys.executable}: cannot be started: {error.strerror}") from error
        self._in = cast(BinaryIO, self._process.stdin)
        self._out = cast(BinaryIO, self._process.stdout)

    def open(self) -> int:
        """As `Worker.open`."""
        self._send((self._plan, self._device))
        while isinstance(message := self._receive(), str):
            self._say(message)
        if isinstance(message, GpuMetricsError):
            raise message
        return int(message)

    def score(self, tasks: Sequence[Task], on_images: OnImages) -> list[Result]:
        """As `Worker.score`."""
        self._send(tasks)
        while isinstance(message := self._receive(), int):
            on_images(message)
        return understood(message)

    def close(self) -> None:
        """Kill the process; what it has put into the cache stays there."""
        self._process.kill()
        self._process.wait()
        self._out.close()
        # what was not sent any more cannot be flushed either
        with suppress(OSError):
            self._in.close()

    def _send(self, message: object) -> None:
        try:
            pickle.dump(message, self._in)
            self._in.flush()
        # another thread may have closed the worker
        except (OSError, ValueError) as error:
            raise self._lost() from error

    def _receive(self) -> Any:
        try:
            return pickle.load(self._out)
        # a process that dies while it writes leaves half a message
        except (EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
            raise self._lost() from error

    def _lost(self) -> WorkerLost:
        self._process.kill()
        return WorkerLost(f"its process ended with code {self._process.wait()}")
