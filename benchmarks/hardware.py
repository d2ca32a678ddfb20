"""Everything that needs a GPU, in one run that leaves a record.

    python -m benchmarks.hardware [--only STEP...] [--dry-run]

The tests marked gpu, compute-sanitizer's four tools, the kernels against twins and peers, the
digits of a CPU against the GPU's, 100 groups from end to end beside the organisers' procedure on
the same GPU, scaling over decode threads, and cold starts. At most 25 minutes: a step that takes
longer than its share is ended and recorded so. It needs torch, CuPy, the packages of the extra
`test`, AlexNet's weights (`GPU_METRICS_WEIGHTS` where they are not in the cache), and no network.
`--dry-run` takes the same steps with small sizes on a CPU, however long they take.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import torch

from benchmarks.record import RESULTS, ROOT, findings, origin, save
from gpu_metrics.cli import render

SANITIZERS = {
    "memcheck": ("--padding", "256", "--leak-check", "no"),
    "racecheck": ("--racecheck-report", "all"),
    "synccheck": (),
    "initcheck": (),
}
# seconds that each step may take; 25 minutes together, the sanitizers four times theirs
LIMITS = {
    "tests": 420,
    "sanitizers": 80,
    "kernels": 240,
    "digits": 100,
    "end to end": 240,
    "scaling": 120,
    "cold start": 60,
}
# once each; kernels for CPUs play no part in it
COLD = ("--rounds", "1", "--only", "folder", "pack")
Run = Callable[..., dict[str, Any]]
AIMS = {"seconds_for_100_images": 0.4, "times_as_fast": 20.0}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps, write the record, and return 1 unless every step passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dry-run", action="store_true", help="on the CPU, with small sizes")
    parser.add_argument("--only", nargs="+", choices=LIMITS, default=list(LIMITS))
    parser.add_argument("--output", "-o", type=Path)
    chosen = parser.parse_args(arguments)
    device = torch.device("cpu" if chosen.dry_run else "cuda")
    record = origin(device) | {"dry_run": chosen.dry_run}
    with tempfile.TemporaryDirectory() as folder:
        steps = _steps(Path(folder), dry=chosen.dry_run)
        for name in chosen.only:
            start = time.monotonic()
            record[name] = steps[name]() | {"seconds": round(time.monotonic() - start, 1)}
            print(f"{name}: {'passed' if record[name]['passed'] else 'FAILED'}", file=sys.stderr)
    rows = [(n, f"{record[n]['passed']}", f"{record[n]['seconds']}") for n in chosen.only]
    render.table(["step", "passed", "seconds"], rows)
    save(record, chosen.output or RESULTS / f"{_title(record['machine'], chosen)}.json")
    return 0 if all(record[name]["passed"] for name in chosen.only) else 1


def _steps(folder: Path, *, dry: bool) -> dict[str, Callable[[], dict[str, Any]]]:
    device = "cpu" if dry else "cuda"
    demo = ["--folder", f"{folder}/demo", "--groups", "1" if dry else "100"]
    sizes = ["--device", device, *(("--rounds", "1") if dry else ())]
    images = ["--images", "1" if dry else "32"]
    counts = ["--threads", *("1 2" if dry else "1 2 4 8 16").split()]
    run = {name: partial(_run, limit=None if dry else limit) for name, limit in LIMITS.items()}
    script = partial(_script, folder)
    return {
        "tests": partial(_tests, run["tests"], folder, dry=dry),
        "sanitizers": partial(_sanitizers, run["sanitizers"], dry=dry),
        "kernels": partial(_kernels, run["kernels"], folder),
        "digits": partial(script, run["digits"], "digits", *demo, "--devices", "cpu", device),
        "end to end": partial(_end_to_end, run["end to end"], folder, *demo, *sizes, *images),
        "scaling": partial(
            script, run["scaling"], "scaling", "--only", "threads", *sizes, *images, *counts
        ),
        "cold start": partial(
            script, run["cold start"], "cold_start", *demo, "--device", device, *COLD
        ),
    }


def _tests(run: Run, folder: Path, *, dry: bool) -> dict[str, Any]:
    """All tests that need a GPU; a dry run collects and skips them."""
    report = folder / "tests.xml"
    required = {} if dry else {"GPU_METRICS_REQUIRE_GPU": "1"}
    step = run(_pytest("tests", "-m", "gpu", f"--junitxml={report}"), **required)
    counts = ElementTree.parse(report).getroot()[0].attrib if report.exists() else {}
    return step | {
        key: int(counts.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")
    }


def _sanitizers(run: Run, *, dry: bool) -> dict[str, Any]:
    """The kernels' small cases under each tool; a run without CUDA calls fails by itself."""
    program = shutil.which("compute-sanitizer")
    if program is None or dry:
        reason = "dry run" if dry else "compute-sanitizer is not on the PATH"
        return {"passed": dry, "not_run": reason}
    chosen = _pytest("tests/kernels/test_on_gpu.py", "-m", "gpu", "-k", "bits_are_those_of_the_cpu")
    # a caching allocator would hide accesses beyond a tensor inside its slabs
    environment = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1", "GPU_METRICS_REQUIRE_GPU": "1"}
    tools = {
        tool: run(
            [program, "--tool", tool, *options, "--error-exitcode", "9", *chosen], **environment
        )
        for tool, options in SANITIZERS.items()
    }
    return {"passed": all(step["passed"] for step in tools.values()), **tools}


def _kernels(run: Run, folder: Path) -> dict[str, Any]:
    results = folder / "kernels.json"
    step = run(_pytest("benchmarks/bench_kernels.py", f"--benchmark-json={results}"))
    rows = json.loads(results.read_text())["benchmarks"] if results.exists() else []
    return step | {
        "results": [
            {"group": row["group"], **row["params"], **row["extra_info"]}
            | {key: row["stats"][key] for key in ("median", "iqr", "rounds")}
            for row in rows
        ]
    }


def _script(folder: Path, run: Run, name: str, *arguments: str) -> dict[str, Any]:
    """One of the benchmarks beside this one, with what it found."""
    results = folder / f"{name}.json"
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments, "-o", f"{results}"]
    return run(command) | {"results": findings(results)}


def _end_to_end(run: Run, folder: Path, *arguments: str) -> dict[str, Any]:
    """What was reached stands beside what was aimed at; missing an aim is no failure."""
    step = _script(folder, run, "end_to_end", *arguments)
    if official := step["results"].get("official"):
        step["seconds_for_100_images"] = 100 * official["medians"]["ours, warm"]
        step["times_as_fast"] = official["times_as_fast"]
    return step | {"aims": AIMS}


def _pytest(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", *arguments]


def _run(command: Sequence[str], *, limit: int | None, **environment: str) -> dict[str, Any]:
    """Whether a command passed within `limit` seconds, and how it ended where it did not."""
    with tempfile.TemporaryFile("w+") as output:
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=limit,
            )
            passed, end = done.returncode == 0, ""
        except subprocess.TimeoutExpired:
            passed, end = False, f"\nended after {limit} s"
        output.seek(0)
        text = (output.read() + end)[-4000:]
    return {"passed": passed} if passed else {"passed": False, "output": text}


def _title(machine: Mapping[str, Any], chosen: argparse.Namespace) -> str:
    """Name of the record: the GPU, and the steps where not all were run."""
    if chosen.dry_run:
        return "hardware-dry-run"
    steps = [] if len(chosen.only) == len(LIMITS) else chosen.only
    return "-".join(["hardware", machine["device"], *steps]).replace(" ", "-").lower()


if __name__ == "__main__":
    sys.exit(main())
