"""Cells that a tiny network learns to tell apart in seconds."""

from typing import Any

import numpy as np
import pytest

from giemsa.settings import Fitting
from giemsa.training.batches import Labelled

SIDE = 16
FITTING = Fitting(
    seed=1,
    budget_minutes=1.0,
    max_epochs=4,
    batch_size=16,
    learning_rate=0.01,
    weight_decay=0.01,
    label_smoothing=0.05,
    dropout=0.1,
    class_weight=0.5,
    average=0.9,
    patience=3,
)


def coloured_cells(number: int, seed: int) -> Labelled:
    """Discs of three colours on a pale ground, each colour a class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, number)
    y, x = np.mgrid[:SIDE, :SIDE]
    radius = rng.uniform(3, 6, number)[:, None, None]
    inside = (x - SIDE / 2) ** 2 + (y - SIDE / 2) ** 2 < radius**2
    colours = np.array([(60, 40, 160), (190, 70, 70), (90, 160, 90)])[labels]
    views = np.where(inside[..., None], colours[:, None, None], 230) + rng.normal(
        0, 8, (number, SIDE, SIDE, 3)
    )
    return Labelled(np.clip(views, 0, 255).astype(np.uint8), labels.astype(np.int64), 3)


def small_network(seed: int = 1) -> Any:
    import keras

    from giemsa.training.networks import residual_network

    keras.utils.set_random_seed(seed)
    return residual_network(3, widths=(8,), dropout=0.1)


@pytest.fixture(scope="session")
def settings() -> Fitting:
    return FITTING
