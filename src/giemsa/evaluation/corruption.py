"""Worsen cells as microscopes, stainers and cameras do, at five severities.

The families and their severities are those that MedMNIST-C (Di Salvo et al. 2024) names for blood cells,
drawn here anew. Its lengths are given for pictures of 224 pixels and shrink with the picture.
"""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SEVERITIES = (1, 2, 3, 4, 5)
REFERENCE_PX = 224
SUBPIXELS = 4
FRACTION_BITS = 4

View = NDArray[np.uint8]
Corruption = Callable[[View, int, np.random.Generator], View]


def corrupt(views: View, family: str, severity: int, seed: int) -> View:
    """Apply one corruption to every view.

    What is random in it (angles, blots, bubbles) depends on the seed, the family, the severity and the
    view's row alone.

    Args:
        views: shape ``(n, size, size, 3)``, RGB; not changed.
        family: one of ``FAMILIES``.
        severity: 1 (hardly seen) to 5.
        seed: of what is random.

    Raises:
        KeyError: if there is no such family.
        ValueError: if there is no such severity.
    """
    worsen = FAMILIES[family]
    if severity not in SEVERITIES:
        message = f"severity must be one of {SEVERITIES}, not {severity}"
        raise ValueError(message)
    key = (seed, sorted(FAMILIES).index(family), severity)
    worse = np.empty_like(views)
    for row, view in enumerate(views):
        worse[row] = worsen(view, severity - 1, np.random.default_rng((*key, row)))
    return worse


def _pixelate(view: View, level: int, _: np.random.Generator) -> View:
    side = view.shape[0]
    coarse = max(1, int(side * (0.6, 0.5, 0.4, 0.3, 0.25)[level]))
    return _resized(_resized(view, coarse, cv2.INTER_AREA), side, cv2.INTER_NEAREST)


def _jpeg(view: View, level: int, _: np.random.Generator) -> View:
    quality = (50, 30, 15, 10, 7)[level]
    encoded = cv2.imencode(".jpg", view[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))[..., ::-1]


def _defocus(view: View, level: int, _: np.random.Generator) -> View:
    return _filtered(view, _disc(_scaled((2, 3, 4, 5, 6)[level], view)))


@cache
def _disc(radius: float) -> NDArray[np.float32]:
    """Average over a disc, the image of a point out of focus; pixels on its rim count in part."""
    reach = int(np.ceil(radius))
    steps = (np.arange((2 * reach + 1) * SUBPIXELS) + 0.5) / SUBPIXELS - reach - 0.5
    inside = (steps[:, None] ** 2 + steps**2 <= max(radius, 0.5) ** 2).astype(np.float32)
    return _resized(inside, 2 * reach + 1, cv2.INTER_AREA)


def _motion(view: View, level: int, rng: np.random.Generator) -> View:
    """Smear along a line, fading with distance: the stage moved while the shutter was open."""
    radius, sigma = ((3, 3), (5, 5), (10, 5), (10, 7), (10, 9))[level]
    angle = np.deg2rad(rng.uniform(-45, 45))
    distance = np.arange(0, 2 * _scaled(radius, view) + 0.25, 0.25)
    weight = np.exp(-(distance**2) / (2 * _scaled(sigma, view) ** 2))
    reach = int(np.ceil(distance[-1]))
    side = 2 * reach + 1
    row, column = (np.rint(part * distance).astype(int) + reach for part in (np.sin(angle), np.cos(angle)))
    kernel = np.bincount(row * side + column, weight, side * side).reshape(side, side)
    return _filtered(view, kernel.astype(np.float32))


def _brightness(factors: tuple[float, ...]) -> Corruption:
    return lambda view, level, _: _pixels(view * np.float32(factors[level]))


def _contrast(factors: tuple[float, ...]) -> Corruption:
    def worsen(view: View, level: int, _: np.random.Generator) -> View:
        grey = np.float32(cv2.cvtColor(view, cv2.COLOR_RGB2GRAY).mean())
        return _pixels(grey + (view - grey) * np.float32(factors[level]))

    return worsen


def _saturate(view: View, level: int, _: np.random.Generator) -> View:
    """Add to the saturation of hue-saturation-value; a pixel without a hue stays grey."""
    hsv = np.asarray(cv2.cvtColor(view.astype(np.float32), cv2.COLOR_RGB2HSV))
    more = np.float32((0.05, 0.10, 0.15, 0.17, 0.20)[level])
    hsv[..., 1] = np.minimum(hsv[..., 1] + more * (hsv[..., 1] > 0), 1)
    return _pixels(np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)))


def _stain_deposit(view: View, level: int, rng: np.random.Generator) -> View:
    """Lay dark, ragged blots of dried stain over the picture."""
    light = np.ones(view.shape[:2], np.float32)
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    waves = np.arange(1, 7)[:, None]
    for _ in range(rng.integers(1, (1, 2, 3, 3, 3)[level], endpoint=True)):
        radius = _scaled(rng.uniform(10, 14 + 3 * level), view)
        phase, height = rng.uniform(0, 2 * np.pi, (6, 1)), rng.uniform(0, 0.45, (6, 1))
        ragged = radius * (1 + (height / waves * np.cos(waves * angle + phase)).sum(axis=0))
        outline = _place(view, radius, rng) + ragged[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        light *= 1 - np.float32(rng.uniform(0.8, 1.0)) * _filled(view, outline)
    return _pixels(view * light[..., None])


def _bubble(view: View, level: int, rng: np.random.Generator) -> View:
    """Lay pale discs with a brighter rim over the picture, as air under the cover slip does."""
    largest, most = ((5, 10), (7, 10), (10, 10), (12, 12), (15, 12))[level]
    veil = np.zeros(view.shape[:2], np.float32)
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    for _ in range(rng.integers(7, most, endpoint=True)):
        radius = _scaled(rng.uniform(3, largest), view)
        centre = _place(view, radius, rng)
        disc, rim = (_filled(view, centre + each * circle) for each in (radius, radius + _scaled(2, view)))
        veil = np.maximum(veil, 0.51 * rim - 0.12 * disc)
    return _pixels(view + (255 - view.astype(np.float32)) * veil[..., None])


def _place(view: View, margin: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Choose a place, x and y, at least ``margin`` pixels from the border."""
    side = view.shape[0]
    return rng.uniform(min(margin, side / 2), max(side - margin, side / 2), 2)


def _filled(view: View, outline: NDArray[np.float64]) -> NDArray[np.float32]:
    """Fill a polygon, shape ``(corners, 2)``, with 1; pixels on its edge get their part."""
    mask = np.zeros(view.shape[:2], np.uint8)
    corners = np.rint(outline * (1 << FRACTION_BITS)).astype(np.int32)
    cv2.fillPoly(mask, [corners], (255,), lineType=cv2.LINE_AA, shift=FRACTION_BITS)
    return mask.astype(np.float32) / np.float32(255)


def _scaled(length: float, view: View) -> float:
    return length * len(view) / REFERENCE_PX


def _resized(view: NDArray[Any], side: int, interpolation: int) -> NDArray[Any]:
    return np.asarray(cv2.resize(view, (side, side), interpolation=interpolation))


def _filtered(view: View, kernel: NDArray[np.float32]) -> View:
    return np.asarray(cv2.filter2D(view, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101))


def _pixels(values: NDArray[np.floating]) -> View:
    rounded: NDArray[np.float32] = np.clip(np.rint(values), 0, 255)
    return rounded.astype(np.uint8)


FAMILIES: Mapping[str, Corruption] = MappingProxyType(
    {
        "pixelate": _pixelate,
        "jpeg_compression": _jpeg,
        "defocus_blur": _defocus,
        "motion_blur": _motion,
        "brightness_up": _brightness((1.1, 1.2, 1.3, 1.35, 1.4)),
        "brightness_down": _brightness((0.9, 0.8, 0.7, 0.6, 0.5)),
        "contrast_up": _contrast((1.1, 1.15, 1.2, 1.25, 1.3)),
        "contrast_down": _contrast((0.9, 0.8, 0.7, 0.6, 0.5)),
        "saturate": _saturate,
        "stain_deposit": _stain_deposit,
        "bubble": _bubble,
    }
)
