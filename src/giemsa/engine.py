"""Spread work over this machine's cores or over a Ray cluster: the same results, in the same order."""

import atexit
import os
import secrets
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from giemsa.errors import UsageError
from giemsa.settings import Engine

LOCAL_CHUNKS = 4  # parts of a thread's share, so that all threads end at about the same time
IN_FLIGHT = 2  # tasks per core of a Ray cluster: one is worked on, the next one is there already

# What Ray does not ask before it is imported. Nobody is told of its use.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
# A cluster of our own listens on the loopback address alone, which Ray does where it takes it that there can
# be no other machine; and whoever talks to it must know a token.
ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}

T = TypeVar("T")
R = TypeVar("R")


def spread(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    engine: Engine,
    workers: int,
    ahead: int,
    prepare: Callable[[], None] | None = None,
) -> Iterator[R]:
    """Give ``function(item)`` for each of ``items``, in their order.

    Args:
        function: what to do; Ray pickles it, so other processes must be able to import what it refers to.
        items: taken only as fast as the results are.
        engine: ``local`` threads, or tasks of ``ray``.
        workers: threads, or cores of a Ray cluster that is started here; 0 means one per core.
        ahead: items per worker that may wait in memory, at least 1.
        prepare: called in a worker before its work.

    Raises:
        UsageError: if Ray is asked for and is not there, or breaks down.
    """
    if engine == "ray":
        return _on_ray(function, items, workers, ahead, prepare)
    return _in_threads(function, items, workers or len(os.sched_getaffinity(0)), ahead, prepare)


def _in_threads(
    function: Callable[[T], R],
    items: Iterable[T],
    workers: int,
    ahead: int,
    prepare: Callable[[], None] | None,
) -> Iterator[R]:
    chunk = max(1, ahead // LOCAL_CHUNKS)
    with ThreadPoolExecutor(workers, initializer=prepare) as pool:
        yield from _in_order(
            (pool.submit(_each, function, some) for some in _chunks(items, chunk)),
            lambda future: future.result(),
            limit=max(1, workers * ahead // chunk),
        )


def _on_ray(
    function: Callable[[T], R],
    items: Iterable[T],
    workers: int,
    ahead: int,
    prepare: Callable[[], None] | None,
) -> Iterator[R]:
    ray = connect(workers)
    task = ray.remote(scheduling_strategy="SPREAD")(_each)
    shared = ray.put(function)
    cores = int(ray.cluster_resources().get("CPU", 1))
    started = (task.remote(shared, some, prepare) for some in _chunks(items, ahead))
    yield from _in_order(started, fetch, limit=IN_FLIGHT * cores)


def _each(
    function: Callable[[T], R], items: Sequence[T], prepare: Callable[[], None] | None = None
) -> list[R]:
    if prepare is not None:
        prepare()
    return [function(item) for item in items]


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    remaining = iter(items)
    while chunk := list(islice(remaining, size)):
        yield chunk


def _in_order(started: Iterable[T], result: Callable[[T], list[R]], limit: int) -> Iterator[R]:
    """Yield the results of what is being started, at most ``limit`` at a time, oldest first."""
    waiting: deque[T] = deque()
    for one in started:
        waiting.append(one)
        if len(waiting) >= limit:
            yield from result(waiting.popleft())
    while waiting:
        yield from result(waiting.popleft())


def connect(workers: int = 0) -> Any:  # noqa: ANN401 - Ray carries no types
    """Give Ray, connected to the cluster that ``RAY_ADDRESS`` names, else to one of this process's own.

    Args:
        workers: cores of the cluster that is started here; 0 means all.

    Raises:
        UsageError: if Ray is not installed, or the cluster does not answer.
    """
    address = os.environ.get("RAY_ADDRESS", "")
    alone = ALONE | {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
    for name, value in (QUIET if address else QUIET | alone).items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError:
        message = "compute.engine is ray, which is not installed (see docs/scaling.md): or set it to local."
        raise UsageError(message) from None
    if ray.is_initialized():
        return ray
    try:
        if address:
            ray.init(address, log_to_driver=False, logging_level="ERROR")
        else:
            _start(ray, workers)
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        message = f'No Ray cluster answers at {address or "this machine"} ({reason}): see "ray status".'
        raise UsageError(message) from None
    return ray


def _start(ray: Any, workers: int) -> None:  # noqa: ANN401
    """Start a cluster that ends with this process and leaves no files."""
    folder = tempfile.mkdtemp(prefix="giemsa-ray-")

    def stop() -> None:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    ray.init(
        "local",
        num_cpus=workers or None,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        _temp_dir=folder,
    )


def fetch(reference: Any) -> Any:  # noqa: ANN401
    """Wait for what a Ray task gives; its errors are raised as they were there.

    Raises:
        UsageError: if the cluster broke down.
    """
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        message = f'The Ray cluster broke down ({reason}): look at it with "ray status" and run again.'
        raise UsageError(message) from None
