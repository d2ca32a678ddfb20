"""One process from its start to its first records; prints when it got where, as JSON.

    python -m benchmarks.first_record START REFERENCE SUBMISSION DEVICE

START is `time.monotonic()` of the process that started this one: on one machine they agree.
"""

import json
import sys
import time


def main() -> None:
    """Import, build a scorer, score twice."""
    start, reference, submission, device = sys.argv[1:]
    reached = {"python started": _since(start)}
    import torch  # noqa: F401 - it takes most of the time of what stands on it

    reached["torch imported"] = _since(start)
    from gpu_metrics.engine import Scorer

    reached["engine imported"] = _since(start)
    scorer = Scorer("raim2026-flash-portrait", reference, device=device)
    reached["scorer ready"] = _since(start)
    run = scorer.score(submission)
    reached["first record"] = _since(start)
    again = scorer.score(submission)
    reached["second record"] = _since(start)
    assert run.images == again.images
    print(json.dumps(reached))


def _since(start: str) -> float:
    return time.monotonic() - float(start)


if __name__ == "__main__":
    main()
