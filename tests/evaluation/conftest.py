"""Tiny cells for the evaluation's tests."""

import numpy as np
import pytest
from numpy.typing import NDArray


def blobs(labels: NDArray[np.integer], *, size: int = 32, seed: int = 0) -> NDArray[np.uint8]:
    """Draw one smooth, noisy blob per label on a light field; its colour and radius tell the label."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    distance = np.hypot(rows, columns)
    views = np.empty((len(labels), size, size, 3), np.uint8)
    for index, label in enumerate(labels):
        colour = np.array([40 + 20 * label, 30, 200 - 20 * label])
        inside = 1 / (1 + np.exp(distance - (4 + label + rng.normal(0, 0.3))))
        picture = 225 * (1 - inside[..., None]) + colour * inside[..., None]
        views[index] = np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255)
    return views


@pytest.fixture(scope="session")
def labels() -> NDArray[np.int64]:
    """Eight classes, five cells each, in turn."""
    return np.arange(40) % 8


@pytest.fixture(scope="session")
def views(labels: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Drawn cells of ``labels``."""
    return blobs(labels)
