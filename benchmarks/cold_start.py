"""A fresh process from its start to the first record, beside a scorer that is warm already.

    python -m benchmarks.cold_start [--groups 100] [--device auto]

Started from the reference folder, from a pack, and from a pack with no kernel compiled before for
this CPU. Files are in the page cache each time, as in a container that has just been unpacked.
Seven minutes on two cores once the demo set is there.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.record import RESULTS, ROOT, origin, save
from benchmarks.subject import add_subject, subject
from gpu_metrics.bench import OFFICIAL
from gpu_metrics.cli import render
from gpu_metrics.devices import choose_device, cores
from gpu_metrics.pack import write_pack
from gpu_metrics.profiles import load_profile
from gpu_metrics.reference import Reference

STEPS = ("python started", "torch imported", "engine imported", "scorer ready", "first record")
UNCOMPILED = "pack, kernels not compiled"
KINDS = ("folder", "pack", UNCOMPILED)
Rows = dict[str, list[dict[str, float]]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_subject(parser)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--output", "-o", type=Path, default=RESULTS / "cold-start.json")
    chosen = parser.parse_args(arguments)
    reference, submission = subject(chosen)
    rules = load_profile(OFFICIAL)
    with tempfile.TemporaryDirectory() as folder:
        loaded = Reference.load(reference, rules, threads=cores())
        pack = write_pack(loaded, rules, Path(folder) / "reference.pack")
        starts = _starts(reference, pack, submission, chosen)
    medians = {
        name: {step: statistics.median(row[step] for row in rows) for step in STEPS}
        for name, rows in starts.items()
    }
    differences = (
        row["second record"] - row["first record"] for rows in starts.values() for row in rows
    )
    warm = statistics.median(differences)
    render.table(
        ["seconds from the start of a process", *STEPS],
        [(name, *(f"{row[step]:.2f}" for step in STEPS)) for name, row in medians.items()],
    )
    print(f"a warm scorer takes {warm:.2f} s for a submission of {len(loaded.images)} images")
    record = origin(choose_device(chosen.device)) | {
        "images": len(loaded.images),
        "seconds": medians,
        "warm_scorer": warm,
        "rounds": starts,
    }
    save(record, chosen.output)


def _starts(reference: Path, pack: Path, submission: Path, chosen: argparse.Namespace) -> Rows:
    """Processes of the chosen kinds in turns."""
    starts: Rows = {kind: [] for kind in chosen.only}
    for _ in range(chosen.rounds):
        for kind, rows in starts.items():
            source = reference if kind == "folder" else pack
            with tempfile.TemporaryDirectory() as empty:
                fresh = {"NUMBA_CACHE_DIR": empty} if kind == UNCOMPILED else {}
                rows.append(_start(source, submission, chosen.device, **fresh))
    return starts


def _start(source: Path, submission: Path, device: str, **environment: str) -> dict[str, float]:
    """One process; seconds from its start to every step."""
    command = [sys.executable, "-m", "benchmarks.first_record", f"{time.monotonic()}"]
    done = subprocess.run(
        [*command, source.resolve(), submission.resolve(), device],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    seconds: dict[str, float] = json.loads(done.stdout)
    return seconds


if __name__ == "__main__":
    main()
