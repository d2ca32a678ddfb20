"""What a scorer was busy with while it scored: decoding, copying, computing, and what at once."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gpu_metrics.engine import Scorer
from gpu_metrics.timeline import Span, recording

KINDS = {"read and hash": "decoding", "decode": "decoding", "pin": "decoding", "copy": "copying"}
IDLE = ("wait for the device",)


def busy(scorer: Scorer, submission: Path) -> dict[str, Any]:
    """One submission's time line in figures.

    Returns:
        seconds: From call to record.
        decoding, computing, on a GPU copying: Share of that time in which at least one thread, or
            the GPU, did so; "copying and computing" and "decoding and computing" both at once.
        threads at work: How many were, on average; beside a GPU those that decode.
    """
    with recording() as timeline:
        start = time.perf_counter()
        scorer.score(submission)
        seconds = time.perf_counter() - start
    spans = [span for span in timeline.spans if span.stage not in IDLE]
    kinds: dict[str, list[Span]] = {}
    for span in spans:
        kinds.setdefault(KINDS.get(span.stage, "computing"), []).append(span)
    shares = {kind: _covered(found) / seconds for kind, found in kinds.items()}
    for kind in kinds.keys() - {"computing"}:
        either = _covered([*kinds[kind], *kinds["computing"]]) / seconds
        shares[f"{kind} and computing"] = shares[kind] + shares["computing"] - either
    on_host = sum(span.seconds for span in spans if span.where != "gpu")
    return {"seconds": seconds, **shares, "threads at work": on_host / seconds}


def _covered(spans: Iterable[Span]) -> float:
    """Seconds in which at least one of the spans ran."""
    total, reached = 0.0, 0.0
    for span in sorted(spans, key=lambda span: span.start):
        end = span.start + span.seconds
        total += max(0.0, end - max(span.start, reached))
        reached = max(reached, end)
    return total
