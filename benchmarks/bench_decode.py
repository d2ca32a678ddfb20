"""Decoding a 1024 x 1365 image from bytes to checked RGB: ours against bare decoders.

`python -m benchmarks.bench_decode` times all of them in turns and prints ratios, which noise of a
shared machine hardly moves.
"""

import io
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import imgread
import numpy as np
import pytest
import skimage.data
from PIL import Image

from gpu_metrics.intake.decoding import decode
from gpu_metrics.intake.policy import Policy

POLICY = Policy("strict", (".png", ".jpg"))
HEIGHT, WIDTH = 1365, 1024
PER_THREAD = 4


def photograph():
    """A photograph, its mirror images and its negatives, side by side; uint8 RGB."""
    part = skimage.data.astronaut()
    row = np.concatenate([part, part[:, ::-1]], axis=1)
    return np.concatenate([row, row[::-1], 255 - row], axis=0)[:HEIGHT]


def ours(data):
    """All checks, metadata stripped."""
    return decode(data, policy=POLICY, size=(WIDTH, HEIGHT)).pixels


def opencv(data):
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), 1), cv2.COLOR_BGR2RGB)


def pillow(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def files():
    """By writer: most rows of Pillow's PNGs are predicted from three neighbors, OpenCV's by one."""
    rgb, png, jpeg = photograph(), io.BytesIO(), io.BytesIO()
    Image.fromarray(rgb).save(png, "PNG")
    Image.fromarray(rgb).save(jpeg, "JPEG", quality=95)
    by_opencv = cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()
    return {"PNG, Pillow": png.getvalue(), "PNG, OpenCV": by_opencv, "JPEG": jpeg.getvalue()}


FILES = files()
DECODERS = {
    "ours": ours,
    "imgread": imgread.load_numpy_from_bytes,
    "OpenCV": opencv,
    "Pillow": pillow,
}


def check(name, data):
    """Decoders of JPEG may round differently: Pillow brings another release of the same library."""
    apart = np.abs(DECODERS[name](data).astype(int) - opencv(data))
    assert apart.max() <= (2 if data.startswith(b"\xff\xd8") and name == "Pillow" else 0)


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("file", FILES)
def bench_decode(benchmark, file, threads, name):
    benchmark.group = f"{PER_THREAD * threads} times {file}, {threads} threads"
    check(name, FILES[file])
    with ThreadPoolExecutor(threads) as pool:
        work = [FILES[file]] * PER_THREAD * threads
        benchmark.pedantic(lambda: list(pool.map(DECODERS[name], work)), warmup_rounds=1, rounds=5)


def in_turns(data, threads, rounds=60):
    """Milliseconds an image of each decoder, the best of some rounds in which all take turns."""
    best = dict.fromkeys(DECODERS, float("inf"))
    work = [data] * threads
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(rounds):
            for name, decoder in DECODERS.items():
                start = time.perf_counter()
                list(pool.map(decoder, work))
                seconds = time.perf_counter() - start
                best[name] = min(best[name], 1000 * seconds / len(work))
    return best


def main():
    cv2.setNumThreads(1)
    for file, data in FILES.items():
        for name in DECODERS:
            check(name, data)
        for threads in (1, 2):
            best = in_turns(data, threads)
            row = "  ".join(
                f"{name} {ms:.1f} ms ({ms / best['ours']:.2f})" for name, ms in best.items()
            )
            print(f"{file:11}  {threads} threads: {row}")


if __name__ == "__main__":
    main()
