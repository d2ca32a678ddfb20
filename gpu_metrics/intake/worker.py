"""A process that decodes image files by OpenCV, one after the other, within limits.

Started by `Workers` of gpu_metrics.intake.isolated, which also defines what is said over the pipes.
"""

import math
import os
import re
import resource
import sys
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_metrics.intake.isolated import REPLY, REQUEST, receive, send

# enough for 16-bit samples, coefficients of progressive JPEGs and the copies OpenCV makes
PIXEL_MEMORY = 32
MEMORY = 256 << 20

# what libjpeg prints where it goes on as if nothing had happened
_DAMAGE = re.compile(rb"(?:Corrupt JPEG data: |(?=Premature end of JPEG))([ -~]+)")

Decode = Callable[[bytes, int], NDArray[Any] | None]


def serve(decode: Decode) -> None:
    """Answer requests on standard input until it ends."""
    requests, replies = os.dup(0), os.dup(1)
    # what libraries print must not get between the replies; libjpeg tells of damage in no other way
    said, printed = os.pipe()
    for end in (said, printed):
        os.set_blocking(end, False)
    for stream in (1, 2):
        os.dup2(printed, stream)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    name = f"opencv {cv2.__version__}".encode()
    send(replies, bytes([len(name)]) + name)
    while True:
        try:
            flags, pixels, seconds, length = REQUEST.unpack(receive(requests, REQUEST.size))
        except EOFError:
            return
        data = receive(requests, length)
        _limit(MEMORY + PIXEL_MEMORY * pixels, seconds)
        _answer(replies, _image(decode, data, flags, said), pixels)


def opencv(data: bytes, flags: int) -> NDArray[Any] | None:
    """An image as `cv2.imdecode` reads it, colors in the order red, green, blue."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None or image.ndim == 2:
        return image
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _image(decode: Decode, data: bytes, flags: int, said: int) -> NDArray[Any] | str:
    # of the file before
    _read(said)
    try:
        image = decode(data, flags)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            return "takes more memory to decode than its size explains"
        image = None
    except MemoryError:
        return "takes more memory to decode than its size explains"
    if damage := _DAMAGE.search(_read(said)):
        return f"image data is damaged: {damage[1].decode()}"
    if image is None or image.dtype != np.uint8:
        return "cannot be decoded as an image; it is damaged or no image at all"
    return image


def _read(said: int) -> bytes:
    try:
        return os.read(said, 1 << 16)
    except BlockingIOError:
        return b""


def _answer(replies: int, image: NDArray[Any] | str, pixels: int) -> None:
    if not isinstance(image, str) and image.shape[0] * image.shape[1] > pixels:
        image = f"{image.shape[1]} x {image.shape[0]} pixels; expected {pixels} in all"
    if isinstance(image, str):
        reason = image.encode()
        send(replies, REPLY.pack(False, 0, 0, 0, len(reason)) + reason)
        return
    height, width, channels = *image.shape[:2], image.size // (image.shape[0] * image.shape[1])
    send(replies, REPLY.pack(True, height, width, channels, image.size))
    send(replies, image.data.cast("B"))


def _limit(memory: int, seconds: int) -> None:
    """Allow so much memory and processor time on top of what was used up to now."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, math.ceil(usage.ru_utime + usage.ru_stime) + seconds)
    if sys.platform == "linux":
        with open("/proc/self/statm") as sizes:
            used = int(sizes.read().split()[0]) * resource.getpagesize()
        _lower(resource.RLIMIT_AS, used + memory)


def _lower(limit: int, value: int) -> None:
    hard = resource.getrlimit(limit)[1]
    resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    serve(opencv)
