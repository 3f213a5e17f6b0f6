"""Bring the stages of ``dvc.yaml`` up to date, one task run each."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePath
from typing import Any

from filelock import FileLock, Timeout
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from prefect.tasks import Task, exponential_backoff
from ruamel.yaml import YAML

from flows.commands import Ended, run
from giemsa.errors import UsageError

STAGE_TIMEOUT = timedelta(hours=6)
PUSH_TIMEOUT = timedelta(hours=1)
BUSY = "Busy"
OFFLINE = "Offline"


@contextmanager
def alone(root: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the project's data for one run; a second one waits here until the first has ended.

    Two ``dvc repro`` at once fail instead of waiting. The lock ends with the process that holds it.

    Raises:
        Timeout: if another run holds the data and this one is not to ``wait``.
    """
    lock = FileLock(root / ".cache" / "retraining.lock")
    lock_file = Path(lock.lock_file)
    lock_file.parent.mkdir(exist_ok=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not wait:
            raise
        get_run_logger().info("Another run holds the data: waiting until it has ended.")
        lock.acquire(poll_interval=1)
    try:
        yield
    finally:
        lock.release()


def stages(root: Path) -> list[str]:
    """List the stages of ``dvc.yaml`` so that each one follows those whose outputs it reads.

    Raises:
        UsageError: if stages wait for each other.
    """
    content = YAML(typ="safe", pure=True).load((root / "dvc.yaml").read_text(encoding="utf-8"))
    made = {
        PurePath(out if isinstance(out, str) else next(iter(out))): name
        for name, stage in content["stages"].items()
        for out in stage.get("outs", ())
    }
    graph = {
        name: [made[out] for dep in stage.get("deps", ()) for out in made if _overlap(PurePath(dep), out)]
        for name, stage in content["stages"].items()
    }
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " → ".join(error.args[1])
        message = f"The stages of dvc.yaml wait for each other ({circle}): mend their deps."
        raise UsageError(message) from None


def _overlap(one: PurePath, other: PurePath) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Tell a failure that trying again can mend from one that it cannot."""
    return state.name in {BUSY, OFFLINE}


@task(
    task_run_name="{stage}",
    cache_policy=NO_CACHE,
    timeout_seconds=STAGE_TIMEOUT.total_seconds(),
    retries=6,
    retry_delay_seconds=exponential_backoff(backoff_factor=5),
    retry_condition_fn=may_pass,
)
def reproduce(stage: str, root: Path, *, force: bool = False) -> State[None]:
    """Bring one DVC stage up to date; it ends as Cached where there was nothing to do.

    It is tried again only where someone else's DVC holds the data.
    """
    command = ["dvc", "repro", "--single-item", *(["--force"] if force else []), stage]
    return state_of(stage, run(command, root))


def state_of(stage: str, ended: Ended) -> State[None]:
    """Tell how a DVC command for a stage ended: made, cached, held up by another one, or failed."""
    if ended.code == 0:
        if ended.said("didn't change, skipping"):
            return Completed(name="Cached", message="Nothing has changed: the outputs stand as they are.")
        if ended.said("is cached - skipping run"):
            return Completed(name="Cached", message="The outputs came out of DVC's cache.")
        return Completed(message=ended.sentence)
    return failed(stage, ended)


def failed(step: str, ended: Ended) -> State[None]:
    """Tell a command that another one's DVC held up, which may pass, from one that failed by itself."""
    if ended.said("Unable to acquire lock", "is busy, it is being blocked by"):
        return Failed(name=BUSY, message=f"Another DVC command holds the data: {ended.sentence}")
    return Failed(message=f"{step}: {ended.sentence}")


@task(
    name="push",
    task_run_name="push",
    cache_policy=NO_CACHE,
    timeout_seconds=PUSH_TIMEOUT.total_seconds(),
    retries=3,
    retry_delay_seconds=exponential_backoff(backoff_factor=10),
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
)
def push(root: Path) -> State[None]:
    """Copy new versions of the data to the DVC remote; the network may fail, so it is tried again."""
    ended = run(["dvc", "push"], root)
    if ended.said("config file error"):
        return Failed(message=f"push: {ended.sentence}")
    if ended.code:
        return Failed(name=OFFLINE, message=f"push: {ended.sentence}")
    if ended.said("Everything is up to date"):
        return Completed(name="Cached", message="The remote has everything already.")
    return Completed(message=ended.sentence)
