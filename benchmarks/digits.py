"""The promises of the metrics across devices: every measure of a submission on two of them.

    python -m benchmarks.digits [--groups 6] [--devices cpu cuda]

Exact and portable measures must have the same bits, repeatable ones agree within 1e-5 relative.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.accuracy import PROFILE
from benchmarks.record import RESULTS, origin, save
from benchmarks.subject import add_subject, subject
from gpu_metrics.cli import render
from gpu_metrics.engine import Scorer
from gpu_metrics.profiles import parse_profile

REPEATABLE = 1e-5


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print a table, write the record, and return 1 where a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_subject(parser)
    parser.set_defaults(groups=6)
    parser.add_argument("--devices", nargs=2, default=["cpu", "cuda"])
    parser.add_argument("--output", "-o", type=Path, default=RESULTS / "digits.json")
    chosen = parser.parse_args(arguments)
    reference, submission = subject(chosen)
    profile = parse_profile(PROFILE, where="accuracy")
    scorers = [Scorer(profile, reference, device=device) for device in chosen.devices]
    one, other = (scorer.score(submission) for scorer in scorers)
    rows = {}
    for name, measure in profile.measures.items():
        pairs = [
            (a.values[name], b.values[name]) for a, b in zip(one.images, other.images, strict=True)
        ]
        largest = max(abs(a - b) / abs(b) if a != b else 0.0 for a, b in pairs)
        promise = measure.catalogued.promise
        kept = largest <= (REPEATABLE if promise == "repeatable" else 0)
        rows[name] = {"promise": promise, "largest relative difference": largest, "kept": kept}
    columns = ["measure", "promise", "largest relative difference", "kept"]
    render.table(columns, [(name, *map(str, row.values())) for name, row in rows.items()])
    record = origin(scorers[-1].device) | {
        "devices": chosen.devices,
        "images": len(one.images),
        "measures": rows,
    }
    save(record, chosen.output)
    return 0 if all(row["kept"] for row in rows.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
