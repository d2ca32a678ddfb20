"""Whole submissions from PNG to record: a warm scorer beside the organisers' procedure and peers.

    python -m benchmarks.end_to_end [--groups 100] [--device auto] [--pyiqa PYTHON]
    python -m benchmarks.end_to_end --reference REFERENCE --submission SUBMISSION

First `gpu-metrics bench`: all images of one submission by the official profile, in turns with the
organisers' procedure on the first `--images` of them, scaled to one image. Then packages that know
no masks (see `peers`), on those images: each beside a scorer that computes the same measures.
Every answer is held against ours before its time counts. Six minutes on two cores and two more to
build the demo set; pyiqa takes another five.
"""

import argparse
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.peers import Peer, peers, profile_of
from benchmarks.record import RESULTS, origin, save
from benchmarks.rounds import interleaved
from benchmarks.stages import busy
from benchmarks.subject import add_subject, subject
from gpu_metrics.bench import OFFICIAL, bench
from gpu_metrics.cli import render
from gpu_metrics.engine import Scorer
from gpu_metrics.results import Run


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print tables and write the record."""
    chosen = _parser().parse_args(arguments)
    reference, submission = subject(chosen)
    scorer = Scorer(OFFICIAL, reference, device=chosen.device)
    report = bench(scorer, submission, rounds=chosen.rounds, official_images=chosen.images)
    render.timings(report)
    flow = busy(scorer, submission)
    render.table(["while it scored", ""], [(name, f"{value:.3f}") for name, value in flow.items()])
    rows = _peers(scorer, submission, chosen)
    _print(rows)
    record = origin(scorer.device) | {
        "reference": "/".join(reference.resolve().parts[-2:]),
        "official": report.record(),
        "busy": flow,
        "peers": rows,
        "left_out": sorted({"torchmetrics", "piq", "pyiqa"} - rows.keys()),
    }
    save(record, chosen.output)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_subject(parser)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=6, help="images that others are timed on")
    parser.add_argument("--pyiqa", type=Path, help="an interpreter that has pyiqa")
    parser.add_argument("--output", "-o", type=Path, default=RESULTS / "end-to-end.json")
    return parser


def _peers(scorer: Scorer, submission: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Every peer on the first images, in turns with a scorer of the same measures."""
    images = list(scorer.reference.images.values())[: chosen.images]
    files = scorer.score(submission).provenance["files"]
    predictions = [submission / files[image.id]["file"] for image in images]
    truths = [image.files.gt for image in images]
    with (
        _copied(truths, predictions) as (reference, answer),
        peers(truths, scorer.device, chosen.pyiqa) as found,
    ):
        contestants, differences = {}, {}
        for name, peer in found.items():
            ours = Scorer(profile_of(list(peer.tolerances)), reference, device=chosen.device)
            scores = peer.scoring.score(predictions)
            differences[name] = _differences(name, peer, ours.score(answer), scores)
            contestants[f"ours for {name}"] = partial(ours.score, answer)
            contestants[name] = partial(peer.scoring.score, predictions)
        seconds = interleaved(contestants, chosen.rounds)
        return {
            name: _row(peer, len(images), seconds[f"ours for {name}"], seconds[name])
            | {"largest_differences": differences[name]}
            for name, peer in found.items()
        }


@contextmanager
def _copied(truths: Sequence[Path], predictions: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """A reference set and a submission of some images only."""
    with tempfile.TemporaryDirectory() as folder:
        places = Path(folder) / "reference" / "gt", Path(folder) / "submission"
        for place, paths in zip(places, (truths, predictions), strict=True):
            place.mkdir(parents=True)
            for path in paths:
                shutil.copy(path, place / path.name)
        yield places[0].parent, places[1]


def _differences(
    name: str, peer: Peer, run: Run, scores: Sequence[Mapping[str, float]]
) -> dict[str, float]:
    """How far a peer is from ours at most; a fast wrong answer is not a result."""
    largest = {
        measure: max(
            abs(row.values[measure] - score[measure])
            for row, score in zip(run.images, scores, strict=True)
        )
        for measure in peer.tolerances
    }
    for measure, tolerance in peer.tolerances.items():
        if not largest[measure] <= tolerance:
            raise AssertionError(
                f"{name}: {measure} differs from ours by {largest[measure]}, more than {tolerance}"
            )
    return largest


def _row(peer: Peer, images: int, ours: list[float], theirs: list[float]) -> dict[str, Any]:
    return {
        "version": peer.version,
        "measures": list(peer.tolerances),
        "images": images,
        "seconds": theirs,
        "seconds_ours": ours,
        "median": statistics.median(theirs),
        "median_ours": statistics.median(ours),
        "times_as_fast": statistics.median(theirs) / statistics.median(ours),
    }


def _print(rows: Mapping[str, Any]) -> None:
    cells = [
        (
            f"{name} {row['version']}",
            ", ".join(row["measures"]),
            f"{row['images']}",
            f"{1e3 * row['median'] / row['images']:.1f}",
            f"{1e3 * row['median_ours'] / row['images']:.1f}",
            f"{row['times_as_fast']:.1f}",
        )
        for name, row in rows.items()
    ]
    render.table(
        ["whole images", "measures", "images", "ms per image", "ours", "times as fast"], cells
    )


if __name__ == "__main__":
    main()
