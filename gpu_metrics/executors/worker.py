"""The program of a worker process: tasks come by stdin, results go by stdout."""

import os
import pickle
import signal
import threading
from queue import SimpleQueue
from typing import Any, BinaryIO

from gpu_metrics.errors import CacheError, GpuMetricsError
from gpu_metrics.executors.plan import WorkerLost, answer


def main() -> None:
    """Build the scorer that the first message plans, then score until stdin ends."""
    # an interrupt is the parent's to handle, which then ends its workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = _own_stdout()

    def send(message: object) -> None:
        pickle.dump(message, pipe)
        pipe.flush()

    messages: SimpleQueue[Any] = SimpleQueue()
    # not sys.stdin, which the interpreter closes at its end
    reader = threading.Thread(target=_read, args=(open(0, "rb"), messages), daemon=True)
    reader.start()
    plan, device = messages.get()
    try:
        scorer = plan.scorer(device, say=send)
    except GpuMetricsError as error:
        send(error)
        return
    send(plan.together(scorer))
    last = None
    while not isinstance(last, CacheError | WorkerLost):
        last = answer(scorer, messages.get(), send)
        send(last)


def _own_stdout() -> BinaryIO:
    """Stdout for messages alone; whatever else would write there writes to stderr."""
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return pipe


def _read(pipe: BinaryIO, messages: "SimpleQueue[Any]") -> None:
    """Pass messages on; once there can be no more, whatever is at work is for nobody."""
    try:
        while True:
            messages.put(pickle.load(pipe))
    except (EOFError, OSError, pickle.UnpicklingError):
        os._exit(0)


if __name__ == "__main__":
    main()
