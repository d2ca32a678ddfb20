"""A dry run of a bundle: the folders, the command line and the judgement of Codabench's worker."""

import json
import math
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

import yaml

from gpu_metrics.errors import InputError
from gpu_metrics.platforms.codabench.scoring import SCORES

APP = "/app/"


@dataclass(frozen=True, slots=True)
class DryRun:
    """What the platform would make of a submission.

    `problem` says why it is "Failed"; None where it is "Finished" with `scores`. `columns` are
    the leaderboard's, `last_line` the last one on stderr.
    """

    problem: str | None
    exit_status: int
    scores: Mapping[str, float]
    columns: tuple[Mapping[str, Any], ...]
    last_line: str


def dry_run(
    bundle: Path,
    submission: Path,
    output: Path,
    *,
    phase: int = 0,
    say: Callable[[str], None] = lambda text: None,
) -> DryRun:
    """Score a submission as a worker would, in a temporary tree instead of a container.

    `/app/program`, `/app/input/ref`, `/app/input/res`, `/app/output` and `/app/shared` are laid
    out from the bundle; the command of `metadata.yaml` runs in the program's folder, with this
    Python as `python3`, until it ends or the phase's time is over.

    Args:
        bundle: Folder or zip file.
        submission: Zip file, unpacked as the worker does.
        output: Gets the files that the program left in `/app/output`; must not be there yet.
        phase: Index of the phase that the submission is made in.
        say: Called with each line on stderr as it comes.

    Raises:
        InputError: The bundle lacks what a worker needs.
    """
    if output.exists():
        raise InputError(f"{output}: is there already; name another folder")
    with tempfile.TemporaryDirectory(prefix="codabench") as temporary, _opened(bundle) as root:
        app = Path(temporary) / "app"
        rules, task, columns = _plan(root, phase)
        _unpack(root / task["scoring_program"], app / "program")
        if "reference_data" in task:
            _unpack(root / task["reference_data"], app / "input" / "ref")
        try:
            _unpack(submission, app / "input" / "res")
        except zipfile.BadZipFile:
            raise InputError(f"{submission}: no zip file, so no worker would open it") from None
        # the worker leaves this beside the files of every submission
        (app / "input" / "res" / "metadata").write_text("exitCode: 0\n")
        for name in ("output", "shared"):
            (app / name).mkdir()
        status, last_line = _run(app, float(rules.get("execution_time_limit", 600)), say)
        shutil.copytree(app / "output", output)
    problem, scores = _judged(output, status)
    return DryRun(problem, status, scores, columns, last_line)


def _plan(root: Path, phase: int) -> tuple[dict[str, Any], dict[str, Any], tuple[Any, ...]]:
    """A phase, its first task and the leaderboard's columns, as `competition.yaml` has them."""
    content = _read_yaml(root / "competition.yaml")
    try:
        rules = content["phases"][phase]
        tasks = {task["index"]: task for task in content["tasks"]}
        return rules, tasks[rules["tasks"][0]], tuple(content["leaderboards"][0]["columns"])
    except (LookupError, TypeError) as error:
        raise InputError(f"competition.yaml: phase {phase} is incomplete: {error!r}") from None


def _run(app: Path, limit: float, say: Callable[[str], None]) -> tuple[int, str]:
    """The exit status of the program and its last line; negative where it was killed."""
    line = _read_yaml(app / "program" / "metadata.yaml")["command"].replace(APP, f"{app}/")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    last_line = ""
    with subprocess.Popen(
        shlex.split(line),
        cwd=app / "program",
        env={**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        timer = Timer(limit, process.kill)
        timer.start()
        try:
            for text in process.stderr or ():
                last_line = text.rstrip() or last_line
                say(text.rstrip())
            return process.wait(), last_line
        finally:
            timer.cancel()
            process.kill()


def _judged(output: Path, status: int) -> tuple[str | None, dict[str, float]]:
    """What keeps the submission from being finished, if anything does, and its scores."""
    if status < 0:
        return "killed: it took longer than the phase allows, or more memory than there is", {}
    if status > 0:
        return f"the scoring program ended with status {status}", {}
    if (output / "metadata").exists():
        return "the scoring program wrote output/metadata, which belongs to the worker", {}
    try:
        scores = json.loads((output / SCORES).read_text("utf-8"))
    except OSError:
        return f"the scoring program wrote no {SCORES}", {}
    except ValueError as error:
        return f"{SCORES} is no JSON: {error}", {}
    if not isinstance(scores, dict):
        return f"{SCORES} is no object of numbers by name", {}
    for name, value in scores.items():
        if type(value) not in (int, float) or not math.isfinite(value):
            return f"{SCORES}: {name} is {value!r}, but only finite numbers are stored", {}
    return None, scores


@contextmanager
def _opened(bundle: Path) -> Iterator[Path]:
    """The folder of a bundle, unpacked where it is a zip file."""
    if bundle.is_dir():
        yield bundle
        return
    with tempfile.TemporaryDirectory(prefix="bundle") as folder:
        try:
            _unpack(bundle, Path(folder))
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{bundle}: expected a bundle, a folder or zip file: {error}"
            ) from None
        yield Path(folder)


def _unpack(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        with zipfile.ZipFile(source) as archive:
            archive.extractall(target)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path.name}: cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path.name}: expected names with values")
    return content
