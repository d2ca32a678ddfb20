"""How a warm scorer scales: with submissions, megapixels, threads, and what is kept.

    python -m benchmarks.scaling [--only submissions megapixels threads kept order] [--device auto]

Images are drawn, by the official profile, with a person in half of the frame. `submissions` streams
small ones through `score_many` as `gpu-metrics rescore` does and reads the memory on the way; all
else is timed in turns. Values must not depend on any of it. Six minutes on two cores.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch

from benchmarks.pictures import draw_set
from benchmarks.record import RESULTS, origin, save
from benchmarks.rounds import interleaved
from gpu_metrics.bench import OFFICIAL
from gpu_metrics.cache import RowCache
from gpu_metrics.cli import render
from gpu_metrics.devices import choose_device
from gpu_metrics.engine import Scorer
from gpu_metrics.executors import Plan, score_many
from gpu_metrics.results import Run

Rows = list[dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the chosen parts, print tables and write the record."""
    chosen = _parser().parse_args(arguments)
    record = origin(choose_device(chosen.device))
    for part in chosen.only:
        with tempfile.TemporaryDirectory() as folder:
            rows = PARTS[part](Path(folder), chosen)
        render.table(list(rows[0]), [[_text(value) for value in row.values()] for row in rows])
        record[part] = rows
    save(record, chosen.output)


def submissions(folder: Path, chosen: argparse.Namespace) -> Rows:
    """Many submissions through one scorer: time, and memory of this process on the way."""
    drawn = draw_set(folder, images=4, height=96, width=128, submissions=8)
    tasks = islice(cycle(drawn.submissions), max(chosen.submissions))
    rows: Rows = []
    start = time.perf_counter()
    plan = Plan(OFFICIAL, drawn.reference)
    outcomes = score_many(plan, tasks, devices=[chosen.device])
    for done, outcome in enumerate(outcomes, start=1):
        if not isinstance(outcome.result, Run):
            raise outcome.result
        if done in chosen.submissions:
            seconds = time.perf_counter() - start
            rows.append({"submissions": done, "seconds": seconds, "each": seconds / done})
            rows[-1] |= _memory()
    return rows


def megapixels(folder: Path, chosen: argparse.Namespace) -> Rows:
    """Images of one size, two to a submission."""
    contestants = {}
    for size in chosen.megapixels:
        height, width = (round((1e6 * size * ratio) ** 0.5) for ratio in (4 / 3, 3 / 4))
        drawn = draw_set(folder / f"{size}", images=2, height=height, width=width)
        scorer = Scorer(OFFICIAL, drawn.reference, device=chosen.device)
        contestants[size] = partial(scorer.score, drawn.submissions[0])
        contestants[size]()
    seconds = interleaved(contestants, chosen.rounds)
    return [
        {"megapixels": size}
        | _row(values, 2)
        | {"megapixels_per_second": 2 * size / statistics.median(values)}
        for size, values in seconds.items()
    ]


def threads(folder: Path, chosen: argparse.Namespace) -> Rows:
    """Threads that decode, on a CPU that measure, too."""
    drawn = draw_set(folder, images=chosen.images, height=chosen.side, width=chosen.side)
    scorers = {
        count: Scorer(OFFICIAL, drawn.reference, device=chosen.device, threads=count)
        for count in chosen.threads
    }
    (submission,) = drawn.submissions
    _same([scorer.score(submission) for scorer in scorers.values()])
    contestants = {count: partial(scorer.score, submission) for count, scorer in scorers.items()}
    seconds = interleaved(contestants, chosen.rounds)
    first = statistics.median(seconds[chosen.threads[0]])
    return [
        {"threads": count}
        | _row(values, chosen.images)
        | {"times_as_fast_as_the_first": first / statistics.median(values)}
        for count, values in seconds.items()
    ]


def kept(folder: Path, chosen: argparse.Namespace) -> Rows:
    """With and without what is kept of the reference, and of rows that were measured before."""
    images = chosen.images
    drawn = draw_set(
        folder, images=images, height=chosen.side, width=chosen.side, submissions=1 + chosen.rounds
    )
    again, *fresh = drawn.submissions
    build = partial(Scorer, OFFICIAL, drawn.reference, device=chosen.device)
    everything, nothing = build(), build(keep_gigabytes=0.0)
    with RowCache(folder / "rows") as cache:
        cached, unseen = build(cache=cache), iter(fresh)
        _same([scorer.score(again) for scorer in (everything, nothing, cached)])
        contestants = {
            "reference kept": partial(everything.score, again),
            "nothing kept": partial(nothing.score, again),
            "reference kept, rows written": lambda: cached.score(next(unseen)),
            "rows known": partial(cached.score, again),
        }
        seconds = interleaved(contestants, chosen.rounds)
    return [{"what": name} | _row(values, images) for name, values in seconds.items()]


def order(folder: Path, chosen: argparse.Namespace) -> Rows:
    """Eight submissions one by one and image by image, with and without room for the reference."""
    images = max(1, chosen.images // 4)
    drawn = draw_set(folder, images=images, height=chosen.side, width=chosen.side, submissions=8)
    named = [(path.name, path) for path in drawn.submissions]
    build = partial(Scorer, OFFICIAL, drawn.reference, device=chosen.device)
    everything, nothing = build(), build(keep_gigabytes=0.0)
    contestants = {
        "one by one, reference kept": partial(_each, everything, named),
        "one by one, nothing kept": partial(_each, nothing, named),
        "image by image, nothing kept": partial(nothing.score_together, named),
    }
    for runs in zip(*(score() for score in contestants.values()), strict=True):
        _same(runs)
    seconds = interleaved(contestants, chosen.rounds)
    return [{"what": name} | _row(values, 8 * images) for name, values in seconds.items()]


PARTS: Mapping[str, Callable[[Path, argparse.Namespace], Rows]] = {
    "submissions": submissions,
    "megapixels": megapixels,
    "threads": threads,
    "kept": kept,
    "order": order,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--images", type=int, default=16, help="of the parts threads and kept, a quarter for order"
    )
    parser.add_argument("--side", type=int, default=1024, help="of those images, in pixels")
    parser.add_argument("--submissions", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--megapixels", type=float, nargs="+", default=[0.25, 0.5, 1, 2, 4, 8, 12])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--output", "-o", type=Path, default=RESULTS / "scaling.json")
    return parser


def _same(runs: Sequence[Run]) -> None:
    """Digits that depended on the setting would make its time worthless."""
    assert all(run.images == runs[0].images for run in runs), "values differ between settings"


def _each(scorer: Scorer, named: Sequence[tuple[str, Path]]) -> list[Run]:
    return [scorer.score(path, name=name) for name, path in named]


def _row(seconds: list[float], images: int) -> dict[str, Any]:
    median = statistics.median(seconds)
    return {"images": images, "seconds": median, "images_per_second": images / median}


def _memory() -> dict[str, float]:
    """What this process holds at the moment, in 10^6 bytes."""
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    memory = {"resident_megabytes": resident / 1e6}
    if torch.cuda.is_available():
        memory["gpu_megabytes"] = torch.cuda.memory_reserved() / 1e6
    return memory


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value}"


if __name__ == "__main__":
    main()
