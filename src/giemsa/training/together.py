"""Fit a network in several processes that Ray starts, each with its part of every batch."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from giemsa.engine import connect, fetch
from giemsa.errors import UsageError
from giemsa.settings import Compute, Fitting
from giemsa.training.batches import Labelled
from giemsa.training.bundle import Epoch
from giemsa.training.fitting import Fit, OnEpoch, Phase

LISTEN_S = 1.0

Weights = list[NDArray[Any]]


@dataclass(frozen=True)
class Task:
    """What every trainer is told: the network as it stands, the cells, and how to learn."""

    network: str
    weights: Weights
    train: Labelled
    validation: Labelled
    settings: Fitting
    phases: Sequence[Phase]


class Trainer:
    """One process of the team, on a core of its own."""

    def address(self) -> str:
        """Choose where the others reach this process."""
        import ray

        host = ray.util.get_node_ip_address()
        with socket.socket() as probe:
            probe.bind((host, 0))
            return f"{host}:{probe.getsockname()[1]}"

    def run(self, task: Task, rank: int, addresses: Sequence[str], told: Any) -> tuple[list[Epoch], Weights]:
        """Train; give the history and the network's variables, which are the same in every trainer."""
        from giemsa.training.learner import make_reproducible
        from giemsa.training.team import join

        make_reproducible(task.settings.seed, cores=1)
        team = join(rank, addresses)
        network = keras.models.model_from_json(task.network)
        _assign(network, task.weights)
        on_epoch: OnEpoch = told.put if rank == 0 else _say_nothing
        history = Fit(network, task.train, task.validation, task.settings, on_epoch, team).run(task.phases)
        return history, _weights(network)


def fit(
    network: Any,
    train: Labelled,
    validation: Labelled,
    settings: Fitting,
    phases: Sequence[Phase],
    on_epoch: OnEpoch,
    compute: Compute,
) -> list[Epoch]:
    """Fit ``network`` in place, here or by as many trainers as ``compute`` names; see ``Fit``.

    Two trainers take the step that the two threads of one process take. More of them cut a batch into more
    parts, each normalised by itself, which is another training.

    Raises:
        UsageError: if Ray is not there, has too few cores, or breaks down.
    """
    if compute.trainers == 1:
        return Fit(network, train, validation, settings, on_epoch).run(phases)
    task = Task(network.to_json(), _weights(network), train, validation, settings, phases)
    history, weights = train_together(task, compute, on_epoch)[0]
    _assign(network, weights)
    return history


def train_together(task: Task, compute: Compute, on_epoch: OnEpoch) -> list[tuple[list[Epoch], Weights]]:
    """Have the trainers work; give what each of them ends with."""
    ray = connect(compute.workers)
    cores = int(ray.cluster_resources().get("CPU", 0))
    if cores < compute.trainers:
        message = (
            f"compute.trainers is {compute.trainers}, and Ray has {cores} core(s): lower it, or add machines."
        )
        raise UsageError(message)
    from ray.util.queue import Queue

    told = Queue()
    hired = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(Trainer)
    trainers = [hired.remote() for _ in range(compute.trainers)]
    try:
        fetch([trainer.__ray_ready__.remote() for trainer in trainers])  # else one that starts takes a port
        addresses = fetch([trainer.address.remote() for trainer in trainers])
        shared = ray.put(task)
        results = [trainer.run.remote(shared, rank, addresses, told) for rank, trainer in enumerate(trainers)]
        _listen(ray, results, told, on_epoch)
        ended: list[tuple[list[Epoch], Weights]] = fetch(results)
    except tf.errors.OpError as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        message = (
            f'The trainers lost each other ({reason}): look at the cluster with "ray status" and run again.'
        )
        raise UsageError(message) from None
    finally:
        for trainer in trainers:
            ray.kill(trainer)
        told.shutdown()
    return ended


def _listen(ray: Any, results: Sequence[Any], told: Any, on_epoch: OnEpoch) -> None:
    """Pass on the epochs as they end, until all trainers have, or one has failed."""
    running = list(results)
    while running:
        ended, running = ray.wait(running, timeout=LISTEN_S)
        while not told.empty():
            on_epoch(told.get())
        fetch(ended)


def _say_nothing(_: Epoch) -> None:
    """One trainer speaks for all."""


def _weights(network: Any) -> Weights:
    return [variable.numpy() for variable in network.variables]


def _assign(network: Any, weights: Weights) -> None:
    for variable, value in zip(network.variables, weights, strict=True):
        variable.assign(np.asarray(value))
