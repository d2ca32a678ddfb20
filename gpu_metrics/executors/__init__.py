"""Many submissions scored against one reference set: here, in processes, or on a Ray cluster."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from gpu_metrics.devices import cores, default_budget
from gpu_metrics.errors import InputError
from gpu_metrics.executors.dispatch import Start, outcomes
from gpu_metrics.executors.local import LocalWorker
from gpu_metrics.executors.plan import ORDERS, OnImages, Outcome, Plan, Task
from gpu_metrics.executors.processes import ProcessWorker
from gpu_metrics.weights import Say

__all__ = ["EXECUTORS", "Outcome", "Plan", "Task", "score_many"]

EXECUTORS = ("local", "processes", "ray")

# submissions at once in this process: while one is measured the next is decoded
_IN_FLIGHT = 2


def score_many(
    plan: Plan,
    submissions: Iterable[str | Path | Task],
    *,
    executor: str = "local",
    devices: Sequence[str] = ("auto",),
    on_images: OnImages = lambda images: None,
    say: Say = lambda text: None,
) -> Generator[Outcome, None, None]:
    """The outcome of each submission as it comes, whatever becomes of the others.

    Digits do not depend on the executor, on the number of workers, or on the order. Submissions
    are taken as they are needed, so there may be any number. Closing the iterator ends the work.
    `Plan.order` says whether they are measured one by one or image by image.

    Args:
        plan: What scorers are built from.
        submissions: Folders or archives, each a `Task` where its record needs another name.
        executor: "local", in threads of this process; "processes", one for each of `devices`, so
            that a fault of a GPU or a decoder costs one attempt; "ray", one actor for each, where
            paths must mean the same on all nodes.
        devices: What `Scorer` takes, once for each worker; "local" has one worker. ["all"] on
            "ray" is an actor for each GPU of the cluster, or each machine where it has none.
        on_images: Called from several threads with the number of images that were done.
        say: Called with a sentence for each thing that has to be fetched.

    Raises:
        ReferenceSetError, ProfileError, WeightsError: As `Scorer` raises.
        EngineError: A worker cannot be started, or the cache cannot be used. What was finished
            is not lost where there is a cache.
        InputError: `executor` or `devices` do not fit, or ray is not installed.
    """
    tasks = (item if isinstance(item, Task) else Task.of(item) for item in submissions)
    yield from outcomes(_starts(plan, executor, list(devices), say), tasks, on_images)


def _starts(plan: Plan, executor: str, devices: list[str], say: Say) -> list[Start]:
    if executor not in EXECUTORS:
        raise InputError(f"executor: expected {', '.join(EXECUTORS)}, got {executor!r}")
    if plan.order not in ORDERS:
        raise InputError(f"order: expected {', '.join(ORDERS)}, got {plan.order!r}")
    if not devices or (executor == "local" and len(devices) > 1):
        raise InputError(f"devices: expected one for each worker of {executor!r}, got {devices}")
    if executor == "local":
        scorer = plan.scorer(devices[0], say=say)
        together = plan.together(scorer)
        return [partial(LocalWorker, scorer, together)] * (_IN_FLIGHT if together == 1 else 1)
    if executor == "processes":
        shares = [_share(plan, device, len(devices)) for device in devices]
        return [partial(ProcessWorker, *share, say) for share in zip(shares, devices, strict=True)]
    try:
        from gpu_metrics.executors.cluster import cluster_workers
    except ImportError as error:
        raise InputError(
            f"executor 'ray': {error}; install it with: pip install 'gpu-metrics[ray]'"
        ) from error
    return cluster_workers(plan, devices)


def _share(plan: Plan, device: str, workers: int) -> Plan:
    """The plan of one of some workers, which have the cores and the memory of a host together."""
    threads, keep = plan.threads, plan.keep_gigabytes
    if threads is None:
        threads = max(1, cores() // workers)
    if keep is None and (device == "cpu" or not torch.cuda.is_available()):
        keep = default_budget(torch.device("cpu")) / workers / 1e9
    return replace(plan, threads=threads, keep_gigabytes=keep)
