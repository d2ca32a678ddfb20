"""`gpu-metrics rescore`: many submissions against one reference set, resumed where it was left."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated

import typer

from gpu_metrics.cli.app import app, say, talk, verb
from gpu_metrics.cli.score import DEFAULT_PROFILE
from gpu_metrics.errors import ENGINE_FAILED, SOME_REJECTED, EngineError, InputError
from gpu_metrics.profiles import load_profile
from gpu_metrics.results import Run
from gpu_metrics.runs import TABLE, Entry, keep, names_of, save_table, submissions_in

if TYPE_CHECKING:
    from gpu_metrics.executors import Outcome


class Executor(StrEnum):
    """Where submissions are scored."""

    local = "local"
    ray = "ray"


class Order(StrEnum):
    """What is measured before the next."""

    auto = "auto"
    submissions = "submissions"
    images = "images"


@app.command()
@verb
def rescore(
    reference: Annotated[
        Path,
        typer.Option(
            help="Folder with gt/ (or ref/) and mask/ (or mask_personmask/), or a packed file."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the run records and the table.")
    ],
    submissions: Annotated[
        list[str] | None,
        typer.Argument(help="Folders or zip files of images; - reads their paths from stdin."),
    ] = None,
    all_in: Annotated[
        Path | None, typer.Option(help="Every folder and zip file in this folder.")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="Name of a profile, or the path of a .toml file.")
    ] = DEFAULT_PROFILE,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda, cuda:N, or all: one worker for each GPU.")
    ] = "auto",
    executor: Annotated[
        Executor, typer.Option(help="This machine, or actors of a Ray cluster.")
    ] = Executor.local,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Worker processes, or actors. Without it: this process, or all of Ray."
        ),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of the rows measured so far; OUTPUT by default.")
    ] = None,
    order: Annotated[
        Order,
        typer.Option(
            help="One submission after another, or 32 of them image by image: faster where the "
            "reference does not fit into memory, which auto finds out."
        ),
    ] = Order.auto,
    keep_gigabytes: Annotated[
        float | None,
        typer.Option(min=0, help="Memory for what is known of the reference, for each worker."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="File or folder with the LPIPS weights.")
    ] = None,
) -> None:
    """Score many submissions; run again after whatever stopped it, it goes on where it was."""
    rules = load_profile(profile)
    chosen = _chosen(submissions or [], all_in, output)
    names = names_of(chosen)

    from gpu_metrics.cli import render
    from gpu_metrics.executors import Plan, Task, score_many

    plan = Plan(
        rules,
        reference,
        weights=weights,
        cache=cache or output,
        keep_gigabytes=keep_gigabytes,
        order=order.value,
    )
    kind, devices = _workers(executor, device, jobs)
    tasks = map(Task, chosen, names)
    entries: list[Entry] = []
    runs: list[Run] = []
    try:
        with (
            _progress(len(chosen)) as (on_images, on_submission),
            closing(
                score_many(
                    plan, tasks, executor=kind, devices=devices, on_images=on_images, say=say
                )
            ) as outcomes,
        ):
            for outcome in outcomes:
                _take(outcome, output, entries, runs)
                on_submission()
    except BaseException:
        if entries:
            # on a full disk the table cannot be written either, and that hides nothing
            with suppress(EngineError):
                save_table(entries, rules, output / TABLE)
            say(f"{len(entries)} of {len(chosen)} submissions are done; run again to go on")
        raise
    save_table(entries, rules, output / TABLE)
    if runs:
        render.leaderboard(runs, rules)
    _conclude(entries)


def _take(outcome: "Outcome", output: Path, entries: list[Entry], runs: list[Run]) -> None:
    name, result = outcome.task.name, outcome.result
    if isinstance(result, Run):
        keep(result, output / f"{name}.json")
        # rows of images are on disk; thousands of submissions need not be in memory
        runs.append(replace(result, images=(), provenance={}))
    entries.append(Entry.of(name, result))


def _chosen(given: list[str], all_in: Path | None, output: Path) -> list[Path]:
    """The submissions named by any of the three ways, each once."""
    lines = sys.stdin.read().splitlines() if "-" in given else []
    paths = [Path(text) for text in [*given, *lines] if text not in ("", "-")]
    if absent := [str(path) for path in paths if not path.exists()]:
        raise InputError("no such file or folder:\n  " + "\n  ".join(absent))
    if all_in is not None:
        paths += submissions_in(all_in, but=output)
    if not paths:
        raise InputError("expected submissions: name them, or a folder of them with --all-in DIR")
    return list({path.resolve(): path for path in paths}.values())


def _workers(executor: Executor, device: str, jobs: int | None) -> tuple[str, list[str]]:
    """The executor's name, and a device for each of its workers."""
    if executor is Executor.ray:
        return "ray", [device] * jobs if jobs else ["all" if device == "auto" else device]
    if device == "all":
        import torch

        count = torch.cuda.device_count()
        if not count or jobs is not None:
            raise InputError(
                "device: 'all' is a process for each GPU, without --jobs; "
                f"CUDA devices found: {count}"
            )
        return "processes", [f"cuda:{index}" for index in range(count)]
    return ("local", [device]) if jobs is None else ("processes", [device] * jobs)


def _conclude(entries: list[Entry]) -> None:
    """Tell what has no score and why, and exit accordingly."""
    unscored = [entry for entry in entries if entry.status != "complete"]
    for entry in unscored:
        say(f"{entry.name}: {entry.status}: {entry.reason}")
    if unscored:
        say(f"{len(unscored)} of {len(entries)} submissions have no score")
        failed = any(entry.status == "failed" for entry in unscored)
        raise typer.Exit(ENGINE_FAILED if failed else SOME_REJECTED)


@contextmanager
def _progress(total: int) -> Iterator[tuple[Callable[[int], None], Callable[[], None]]]:
    """A bar of submissions with a count of images on stderr, where that is a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("rescoring"), BarColumn(), MofNCompleteColumn()
    count = TextColumn("submissions, {task.fields[images]} images")
    quiet = not talk.is_terminal
    with Progress(
        *columns, count, TimeElapsedColumn(), console=talk, transient=True, disable=quiet
    ) as bar:
        task, counting, images = bar.add_task("", total=total, images=0), Lock(), 0

        def on_images(more: int) -> None:
            nonlocal images
            with counting:
                images += more
                bar.update(task, images=images)

        yield on_images, lambda: bar.advance(task)
