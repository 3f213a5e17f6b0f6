"""What a picture looks like at a glance, in a few numbers that no network is needed for."""

import math
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 24
RING_EDGES = (0, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0)
LEVELS = 3
BACKGROUND = 0.9
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
DARKEST = 0.02
EVEN = 0.5
LIGHT = np.log(np.arange(256) / 255 + DARKEST)  # of each stored value; DARKEST keeps black finite


def appearance(views: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Describe pictures by their light, stain and detail.

    A stained cell is a dark, blue-violet disc in the middle of a light field. Light is the field's colour;
    stain is optical density against that field (Beer and Lambert), in rings around the centre, as quantiles
    and as hue of the dark parts; detail is the strength of edges at three scales.

    Args:
        views: shape ``(n, size, size, 3)``, RGB.

    Returns:
        Numbers of shape ``(n, 37)``.
    """
    small = np.empty((len(views), SIDE, SIDE, 3), np.uint8)
    detail = np.empty((len(views), LEVELS), np.float64)
    for row, view in enumerate(views):
        small[row] = cv2.resize(view, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        detail[row] = _detail(view)
    values = small.reshape(len(views), SIDE * SIDE, 3)
    field = LIGHT[_quantiles(values, [BACKGROUND])[:, 0]]
    # The densest pixels are the darkest, so stored values are sorted, which is cheaper than densities.
    greens = field[:, 1:2] - LIGHT[255 - _quantiles(255 - values[..., 1], SHARES)]
    rings, uneven, hue = _stain(field[:, None] - np.take(LIGHT, values))
    return np.concatenate([field, rings, uneven, greens, hue, detail], axis=1)


def _stain(density: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Describe optical densities, shape ``(n, pixels, 3)``; green, where the dyes absorb most, leads.

    Returns:
        Each ring's mean, shape ``(n, 18)``, and spread in green, ``(n, 6)``, and the hue, ``(n, 2)``.
    """
    n, green = len(density), density[..., 1]
    rings = _rings() @ density
    uneven = (_rings() @ (green**2)[..., None])[..., 0] - rings[..., 1] ** 2
    weight = np.maximum(green, 0) ** 2
    weight /= weight.sum(axis=1, keepdims=True) + 1e-6
    red, leading, blue = (weight[:, None] @ density)[:, 0].T
    hue = np.stack([leading - red, leading - blue], axis=1)
    return rings.reshape(n, 3 * len(_rings())), np.sqrt(np.maximum(uneven, 0)), hue


def _detail(view: NDArray[np.uint8]) -> list[float]:
    """Give the logarithm of the spread of edges, halving the picture from level to level."""
    grey, strengths = cv2.cvtColor(view, cv2.COLOR_RGB2GRAY), []
    for level in range(LEVELS):
        if level:
            half = (max(1, grey.shape[1] // 2), max(1, grey.shape[0] // 2))
            grey = cv2.resize(grey, half, interpolation=cv2.INTER_AREA)
        edges = cv2.Laplacian(grey, cv2.CV_16S)
        mean = cv2.sumElems(edges)[0] / edges.size
        variance = cv2.norm(edges, cv2.NORM_L2SQR) / edges.size - mean**2
        strengths.append(math.log(math.sqrt(max(0.0, variance)) + EVEN))
    return strengths


@cache
def _rings() -> NDArray[np.float64]:
    """Give each ring's pixels their equal share of its mean, shape ``(rings, pixels)``."""
    across = np.arange(SIDE) - (SIDE - 1) / 2
    radius = np.hypot(across[:, None], across).ravel() / (SIDE / 2)
    inside = [(radius >= low) & (radius < high) for low, high in pairwise(RING_EDGES)]
    return np.stack([ring / ring.sum() for ring in inside])


def _quantiles(values: NDArray[np.uint8], shares: Sequence[float]) -> NDArray[np.uint8]:
    """Give the values below which these shares of a picture's pixels lie, shape ``(n, shares, ...)``."""
    places = [int(share * values.shape[1]) for share in shares]
    return np.partition(values, places, axis=1)[:, places]
