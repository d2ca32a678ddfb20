"""What other decoders make of a file, in a process of its own, since it may end them."""

import io
import struct
import subprocess
import sys
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image

# who shall decode, how many bytes follow
_QUESTION = struct.Struct("<B3xI")
# height and width of the RGB pixels that follow; zero where there are none
_ANSWER = struct.Struct("<II")
_DECODERS = ("opencv", "opencv unturned", "pillow")


class Witness:
    """A process that decodes what it is asked about; a new one takes its place when it dies."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, decoder: str, data: bytes) -> np.ndarray | None:
        """Pixels `(H, W, 3)`, RGB, as one of the decoders sees them; None where it sees none."""
        if self._process is None:
            command = [sys.executable, "-m", __name__]
            pipe, void = subprocess.PIPE, subprocess.DEVNULL
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=void)
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(_QUESTION.pack(_DECODERS.index(decoder), len(data)) + data)
            self._process.stdin.flush()
            height, width = _ANSWER.unpack(self._process.stdout.read(_ANSWER.size))
            rows = self._process.stdout.read(3 * height * width)
            return np.frombuffer(rows, np.uint8).reshape(height, width, 3) if height else None
        except (OSError, ValueError, struct.error):
            self.close()
            return None

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _decode(decoder: str, data: bytes) -> np.ndarray | None:
    if decoder == "pillow":
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    unturned = cv2.IMREAD_IGNORE_ORIENTATION if decoder == "opencv unturned" else 0
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | unturned)
    return None if bgr is None else bgr[..., ::-1]


def _serve(questions: BinaryIO, answers: BinaryIO) -> None:
    while head := questions.read(_QUESTION.size):
        decoder, length = _QUESTION.unpack(head)
        try:
            pixels = _decode(_DECODERS[decoder], questions.read(length))
        # libraries raise what they like
        except Exception:
            pixels = None
        shape = (0, 0) if pixels is None else pixels.shape[:2]
        answers.write(_ANSWER.pack(*shape) + (b"" if pixels is None else pixels.tobytes()))
        answers.flush()


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
