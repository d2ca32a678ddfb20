"""OpenCV in processes of its own, with limits: a file that crashes it costs that file alone."""

import atexit
import hashlib
import os
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock, Timer

import numpy as np
from numpy.typing import NDArray

from gpu_metrics.errors import EngineError, InputError

# flags of imdecode, pixels allowed, seconds of processor time, bytes of the file that follows
REQUEST = struct.Struct("<iqqq")
# whether there are pixels, then height, width, channels and bytes of what follows: pixels or words
REPLY = struct.Struct("<?iiiq")

COMMAND = (sys.executable, "-P", "-m", "gpu_metrics.intake.worker")

SECONDS = 10
PIXELS_PER_SECOND = 1_000_000
# how often its processor time may pass on the wall before a process counts as hanging
PATIENCE = 4
START_SECONDS = 120

# what Python needs to start, and nothing that may be secret
_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PYTHONHOME", "TMPDIR")

# no threads for what is never multiplied; memory that was used once is kept for the next image
_SETTINGS = {
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
}


class Workers:
    """A pool of decoding processes, started when they are needed; any thread may use it.

    Args:
        limit: How many processes at most; by default one for each core this process may use.
        command: What starts one.
        seconds: Processor time for an image, besides a second for each million pixels.
    """

    def __init__(
        self,
        limit: int | None = None,
        *,
        command: Sequence[str] = COMMAND,
        seconds: int = SECONDS,
    ) -> None:
        self._limit = limit or os.cpu_count() or 1
        self._command, self._seconds = command, seconds
        self.forget()

    def forget(self) -> None:
        """Start anew, and leave the processes there are to the parent this one was forked from."""
        self._places, self._lock = BoundedSemaphore(self._limit), Lock()
        self._idle: list[_Worker] = []

    def close(self) -> None:
        """End all processes that have nothing to do."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.kill()

    def decode(self, data: bytes, *, flags: int, pixels: int) -> tuple[NDArray[np.uint8], str]:
        """What `cv2.imdecode` makes of a file, and the decoder's name and version.

        Args:
            data: The file.
            flags: Of `cv2.imdecode`.
            pixels: How many the image may have; its limits of memory and time follow from it.

        Returns:
            uint8 `(H, W, 3)`, RGB, or `(H, W)`, grey.

        Raises:
            InputError: There is no image in `data`, it is too large, or two processes in a row did
                not survive it.
            EngineError: No process can be started.
        """
        seconds = self._seconds + pixels // PIXELS_PER_SECOND
        with self._places:
            for attempt in (1, 2):
                worker = self._idle_worker() if attempt == 1 else None
                worker = worker or _Worker(self._command)
                try:
                    image = worker.decode(data, flags, pixels, seconds)
                except _WorkerLost:
                    continue
                with self._lock:
                    self._idle.append(worker)
                if isinstance(image, str):
                    raise InputError(image)
                return image, worker.decoder
        start = hashlib.sha256(data).hexdigest()[:16]
        raise InputError(f"crashes the decoder or keeps it busy without end (sha256 {start}...)")

    def _idle_worker(self) -> "_Worker | None":
        with self._lock:
            return self._idle.pop() if self._idle else None


class _WorkerLost(Exception):
    """A process ended, was ended, or said what makes no sense."""


class _Worker:
    """One process and the pipes to it."""

    def __init__(self, command: Sequence[str]) -> None:
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                command,
                bufsize=0,
                stdin=pipe,
                stdout=pipe,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                # an interrupt from the keyboard is for the parent alone
                start_new_session=True,
            )
        except OSError as error:
            raise EngineError(f"no process to decode images can be started: {error}") from error
        assert self._process.stdin and self._process.stdout
        self._input, self._output = self._process.stdin.fileno(), self._process.stdout.fileno()
        try:
            with self._killed_after(START_SECONDS):
                self.decoder = receive(self._output, receive(self._output, 1)[0]).decode()
        except (EOFError, OSError, UnicodeDecodeError):
            self.kill()
            raise EngineError(
                f"the process that decodes images ends with code {self._process.returncode} at its "
                f"start; to see why: {' '.join(command)}"
            ) from None

    def decode(self, data: bytes, flags: int, pixels: int, seconds: int) -> NDArray[np.uint8] | str:
        """The image in a file, or the reason why there is none."""
        try:
            with self._killed_after(PATIENCE * seconds):
                send(self._input, REQUEST.pack(flags, pixels, seconds, len(data)))
                send(self._input, data)
                good, *shape, length = REPLY.unpack(receive(self._output, REPLY.size))
                if not good and 0 < length <= 1000:
                    return receive(self._output, length).decode()
                height, width, channels = shape
                fits = min(shape) > 0 and height * width <= pixels and channels in (1, 3)
                if not fits or length != height * width * channels:
                    raise _WorkerLost
                image = np.empty(shape, np.uint8)
                fill(self._output, image.data.cast("B"))
        except (EOFError, OSError, UnicodeDecodeError, _WorkerLost):
            self.kill()
            raise _WorkerLost from None
        except BaseException:
            # interrupted, the pipes would be out of step
            self.kill()
            raise
        return image if channels == 3 else image[..., 0]

    def kill(self) -> None:
        """End the process and collect what is left of it."""
        self._process.kill()
        self._process.communicate()

    @contextmanager
    def _killed_after(self, seconds: int) -> Iterator[None]:
        timer = Timer(seconds, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def send(stream: int, content: bytes | memoryview) -> None:
    """Write all of `content` to a file descriptor."""
    left = memoryview(content)
    while left:
        left = left[os.write(stream, left) :]


def receive(stream: int, length: int) -> bytes:
    """The next `length` bytes of a file descriptor; EOFError where it ends before."""
    content = bytearray(length)
    fill(stream, memoryview(content))
    return bytes(content)


def fill(stream: int, content: memoryview) -> None:
    """Read into all of `content` from a file descriptor; EOFError where it ends before."""
    while content:
        if not (length := os.readv(stream, [content])):
            raise EOFError
        content = content[length:]


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    return {**kept, **_SETTINGS, "PYTHONPATH": paths}


WORKERS = Workers()
atexit.register(WORKERS.close)
os.register_at_fork(after_in_child=WORKERS.forget)
