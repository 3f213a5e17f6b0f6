"""Drawn cells for tests of what tells copies apart."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Pixels = NDArray[np.uint8]


def draw_cell(seed: int, side: int = 96) -> Pixels:
    """Draw something with the statistics of a cell: soft lobes in a disc and granules on a light ground."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side - 0.5
    angle, radius = np.arctan2(y, x), np.hypot(y, x)
    waves = (
        random.uniform(-0.05, 0.05, (3, 2))
        @ np.stack([np.stack([np.cos(k * angle), np.sin(k * angle)]) for k in (1, 2, 3)], axis=1).reshape(
            2, -1
        )[:, : side * side]
    )
    edge = 0.25 + waves.sum(axis=0).reshape(side, side)
    inside = 1 / (1 + np.exp((radius - edge) * 60))
    grain = gaussian_filter(random.normal(size=(side, side, 3)), (side / 40, side / 40, 0)) * side / 96
    ground = np.array([235, 215, 200]) + random.uniform(-8, 8, 3)
    stain = np.array([120, 80, 160]) + random.uniform(-30, 30, 3)
    mixed = ground + inside[..., None] * (stain - ground) + (0.3 + inside[..., None]) * grain * 120
    drawn: Pixels = np.clip(mixed, 0, 255).astype(np.uint8)
    return drawn


@pytest.fixture(scope="session")
def cell() -> Callable[..., Pixels]:
    return draw_cell
