"""Where figures come from: date, commit, device and versions, written beside them."""

import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from gpu_metrics.bench import machine
from gpu_metrics.results import write_atomically

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
_ORIGIN = ("date", "commit", "changed_files", "machine")


def origin(device: torch.device) -> dict[str, Any]:
    """The head of a record; `changed_files` tells whether the commit is what ran."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        "changed_files": _git("status", "--porcelain").splitlines(),
        "machine": machine(device),
    }


def findings(path: Path) -> dict[str, Any]:
    """What a saved record says beside its origin; nothing where there is none."""
    if not path.exists():
        return {}
    record = json.loads(path.read_text())
    return {name: found for name, found in record.items() if name not in _ORIGIN}


def save(record: Mapping[str, Any], path: Path) -> None:
    """Write a record as JSON, whole or not at all, and say where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(record, indent=1) + "\n")
    print(path)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.rstrip() if done.returncode == 0 else "unknown"
