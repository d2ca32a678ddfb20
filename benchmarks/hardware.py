"""Everything about the kernels that needs a GPU, in one run that leaves a record.

`python benchmarks/hardware.py` runs the tests marked gpu, compute-sanitizer's four tools and the
kernel benchmarks, and writes `benchmarks/results/kernels-<GPU>-<date>.json`. It needs torch, CuPy
and the packages of the extra `test`, and no network. `--dry-run` goes as far as a CPU does and
writes nothing.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import torch

from gpu_metrics.devices import device_facts
from gpu_metrics.provenance import installed_version

ROOT = Path(__file__).parents[1]
KERNELS = "tests/kernels"
SANITIZERS = {
    "memcheck": ("--padding", "256", "--leak-check", "no"),
    "racecheck": ("--racecheck-report", "all"),
    "synccheck": (),
    "initcheck": (),
}
PACKAGES = ("torch", "cupy-cuda12x", "cupy-cuda13x", "cuda-bindings", "nvidia-cuda-nvrtc", "numpy")


def main() -> int:
    """Run all steps, write the record, and return 1 unless every step passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="run on the CPU, write no record")
    dry = parser.parse_args().dry_run
    device = torch.device("cpu" if dry else "cuda")
    with tempfile.TemporaryDirectory() as folder:
        record = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": _git("rev-parse", "HEAD"),
            "changed_files": _git("status", "--porcelain").splitlines(),
            "packages": {package: installed_version(package) for package in PACKAGES},
            "device": device_facts(device),
            "tests": _tests(Path(folder), dry),
            "sanitizers": {tool: _sanitizer(tool, dry) for tool in SANITIZERS},
            "benchmarks": _benchmarks(Path(folder)),
        }
    text = json.dumps(record, indent=2) + "\n"
    if dry:
        sys.stdout.write(text)
    else:
        gpu = torch.cuda.get_device_name().replace(" ", "-").lower()
        path = ROOT / "benchmarks" / "results" / f"kernels-{gpu}-{record['date'][:10]}.json"
        path.write_text(text)
        sys.stdout.write(f"{path}\n")
    steps = [record["tests"], record["benchmarks"], *record["sanitizers"].values()]
    return 0 if all(step["passed"] for step in steps) else 1


def _tests(folder: Path, dry: bool) -> dict[str, Any]:
    report = folder / "tests.xml"
    marked = "not gpu" if dry else "gpu"
    step = _step(_pytest(KERNELS, "-m", marked, f"--junitxml={report}"))
    counts = ElementTree.parse(report).getroot()[0].attrib if report.exists() else {}
    return step | {
        key: int(counts.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")
    }


def _sanitizer(tool: str, dry: bool) -> dict[str, Any]:
    """The kernels' small cases under one tool; a run without CUDA calls fails by itself."""
    program = shutil.which("compute-sanitizer")
    if program is None or dry:
        reason = "dry run" if dry else "compute-sanitizer is not on the PATH"
        return {"passed": dry, "not_run": reason}
    options = ["--tool", tool, *SANITIZERS[tool], "--error-exitcode", "9"]
    chosen = _pytest(f"{KERNELS}/test_on_gpu.py", "-m", "gpu", "-k", "bits_are_those_of_the_cpu")
    # a caching allocator would hide accesses beyond a tensor inside its slabs
    return _step([program, *options, *chosen], PYTORCH_NO_CUDA_MEMORY_CACHING="1")


def _benchmarks(folder: Path) -> dict[str, Any]:
    results = folder / "benchmarks.json"
    step = _step(_pytest("benchmarks/bench_kernels.py", f"--benchmark-json={results}"))
    rows = json.loads(results.read_text())["benchmarks"] if results.exists() else []
    return step | {
        "results": [
            {"group": row["group"], **row["params"], **row["extra_info"]}
            | {key: row["stats"][key] for key in ("median", "iqr", "rounds")}
            for row in rows
        ]
    }


def _pytest(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", *arguments]


def _step(command: list[str], **environment: str) -> dict[str, Any]:
    start = time.monotonic()
    required = {} if "not gpu" in command else {"GPU_METRICS_REQUIRE_GPU": "1"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **required, **environment},
        capture_output=True,
        text=True,
    )
    output = (done.stdout + done.stderr)[-4000:]
    step = {"passed": done.returncode == 0, "seconds": round(time.monotonic() - start, 1)}
    return step if step["passed"] else step | {"output": output}


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.rstrip() if done.returncode == 0 else "unknown"


if __name__ == "__main__":
    sys.exit(main())
