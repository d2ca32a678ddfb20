"""Workers that are actors of a Ray cluster, each with a device and the reference of its own."""

import os
import platform
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from gpu_metrics.engine import Scorer
from gpu_metrics.errors import GpuMetricsError, InputError
from gpu_metrics.executors.dispatch import Start
from gpu_metrics.executors.plan import (
    Answer,
    OnImages,
    Plan,
    Result,
    Task,
    WorkerLost,
    answer,
    understood,
)

# paths and records are all that travels; it is also the least that Ray accepts
_STORE_BYTES = 80 * 2**20


class ClusterWorker:
    """An actor with a scorer; lost when its process, its node or the way to it is."""

    def __init__(self, plan: Plan, device: str) -> None:
        actor: Any = ray.remote(_Actor)
        gpus = int(device == "cuda")
        options = actor.options(num_cpus=1, num_gpus=gpus, scheduling_strategy="SPREAD")
        self._actor = options.remote(plan, device, platform.node())

    def open(self) -> int:
        """As `Worker.open`."""
        started = self._answer(self._actor.start.remote())
        if isinstance(started, GpuMetricsError):
            raise started
        return int(started)

    def score(self, tasks: Sequence[Task], on_images: OnImages) -> list[Result]:
        """As `Worker.score`; images are counted when all are done."""
        said, images = self._answer(self._actor.score.remote(tasks))
        on_images(images)
        return understood(said)

    def close(self) -> None:
        """Kill the actor."""
        ray.kill(self._actor)

    def _answer(self, call: Any) -> Any:
        try:
            return ray.get(call)
        except RayError as error:
            raise WorkerLost(str(error).strip().splitlines()[0]) from error


class _Actor:
    def __init__(self, plan: Plan, device: str, home: str) -> None:
        node = platform.node()
        # SQLite's files are for processes of one machine, wherever the folder lies
        if plan.cache is not None and node != home:
            plan = replace(plan, cache=Path(plan.cache) / node)
        self._plan, self._device = plan, device
        self._scorer: Scorer | None = None

    def start(self) -> int | GpuMetricsError:
        try:
            self._scorer = self._plan.scorer(self._device)
        except GpuMetricsError as error:
            return error
        return self._plan.together(self._scorer)

    def score(self, tasks: Sequence[Task]) -> tuple[Answer, int]:
        assert self._scorer is not None
        images = 0

        def count(more: int) -> None:
            nonlocal images
            images += more

        return answer(self._scorer, tasks, count), images


def cluster_workers(plan: Plan, devices: Sequence[str]) -> list[Start]:
    """How to start an actor for each of the devices: "cpu", "cuda", or "auto" (a GPU if any).

    ["all"] stands for all GPUs of the cluster, or for a CPU of each machine where it has none. The
    running cluster is joined; where there is none, Ray is started on this machine alone.
    """
    if not ray.is_initialized():
        _join()
    has: dict[str, float] = ray.cluster_resources()
    auto = "cuda" if has.get("GPU") else "cpu"
    if list(devices) == ["all"]:
        machines = sum(bool(node["Resources"].get("CPU")) for node in ray.nodes())
        devices = [auto] * int(has.get("GPU") or machines)
    chosen = [auto if device == "auto" else device for device in devices]
    if strange := sorted({*chosen} - {"cpu", "cuda"}):
        raise InputError(f"devices: expected 'all', 'auto', 'cpu' or 'cuda' on Ray, got {strange}")
    wanted = {"CPU": len(chosen), "GPU": chosen.count("cuda")}
    for kind, count in wanted.items():
        if count > has.get(kind, 0):
            raise InputError(
                f"devices: {count} workers need a {kind} each; the cluster has {has.get(kind, 0):g}"
            )
    if plan.threads is None:
        plan = replace(plan, threads=max(1, int(has["CPU"]) // len(chosen)))
    return [partial(ClusterWorker, plan, device) for device in chosen]


def _join() -> None:
    try:
        ray.init(address="auto", log_to_driver=False)
    except ConnectionError:
        # a cluster of our own reports to nobody
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=_STORE_BYTES,
        )
