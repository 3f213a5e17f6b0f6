"""Cells learnt a second: a batch shared by two threads, one Keras step over all cores, and whole epochs.

    .venv/bin/python benchmarks/steps.py [--steps 40]

Each row runs in a process of its own, on random pictures. Single steps are timed without augmentation, whole
epochs with everything. "G/s" is what ``giemsa.training.budget.SPEED`` counts: multiply-adds of the forward
pass per second of training, in thousands of millions. The fastest step or epoch counts; other work on the
machine disturbs it all the same.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from giemsa.settings import load_params
from giemsa.training.batches import Labelled, shuffled_batches

ROOT = Path(__file__).parents[1]
CLASSES = 8
WAYS = ("two threads", "one step", "whole epochs")
ROWS = [(family, way) for family in ("cnn", "mobilenet") for way in WAYS]
EPOCHS = 3


def measure(family: str, way: str, steps: int) -> Iterator[str]:
    """Give the rate of the family's network, taught one way or the other, a line for each resolution."""
    from giemsa.training.learner import Learner, make_reproducible
    from giemsa.training.networks import mobilenet, multiply_adds, residual_network

    params = load_params(ROOT / "params.yaml")
    settings: Any = params.train if family == "cnn" else params.fine_tune
    if way != "one step":
        make_reproducible(1)
    build: Callable[..., Any] = (
        partial(residual_network, CLASSES, widths=settings.widths, dropout=settings.dropout)
        if family == "cnn"
        else partial(
            mobilenet,
            CLASSES,
            backbone=settings.backbone,
            enlarged=settings.enlarged_px,
            dropout=settings.dropout,
        )
    )
    network, side = build(), params.image.size
    if family == "mobilenet":
        for layer in network.layers:
            layer.trainable = type(layer).__name__ != "BatchNormalization"
    count = settings.batch_size * (steps + 3)
    rng = np.random.default_rng(0)
    views = rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    cells = Labelled(views, rng.integers(0, CLASSES, count), CLASSES)

    def line(rate: float, size: int) -> str:
        work = multiply_adds(build(size=size)) * rate / 1e9
        return f"{family:<10} {way:<12} {size} px {rate:6.0f} cells/s {work:6.1f} G/s"

    if way == "whole epochs":
        for size in (64, 96) if family == "cnn" else (96,):
            yield line(_epoch_rate(network, cells, settings, size), size)
        return
    step: Callable[..., Any]
    if way == "two threads":
        step = partial(Learner(network, np.ones(CLASSES, np.float32), settings).step, rate=1e-3)
    else:
        step = _plain_step(network)
    batches = list(shuffled_batches(cells, batch_size=settings.batch_size, size=side, seed=1, epoch=1))
    seconds = []
    for batch in batches:
        begun = time.perf_counter()
        step(*batch)
        seconds.append(time.perf_counter() - begun)
    yield line(settings.batch_size / min(seconds[3:]), side)


def _epoch_rate(network: Any, cells: Labelled, settings: Any, size: int) -> float:  # noqa: ANN401
    from giemsa.training.fitting import Fit, Phase

    ends = [time.perf_counter()]
    few = Labelled(cells.views[:64], cells.labels[:64], CLASSES)
    Fit(network, cells, few, settings, lambda _: ends.append(time.perf_counter())).run(
        [Phase("timed", EPOCHS, size)]
    )
    return len(cells) / min(np.diff(ends)[1:])


def _plain_step(network: Any) -> Callable[..., Any]:  # noqa: ANN401
    import keras

    model = keras.Model(network.input, network.output["logits"])
    model.compile(keras.optimizers.AdamW(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    step: Callable[..., Any] = model.train_on_batch
    return step


def main() -> None:
    """Print one line per row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--row", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row is not None:
        family, way = ROWS[options.row]
        for line in measure(family, way, options.steps):
            print(line)
        return
    for row in range(len(ROWS)):
        command = [sys.executable, __file__, *sys.argv[1:], "--row", str(row)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
