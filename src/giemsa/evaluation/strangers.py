"""Pictures to learn rejection from: cells as other days show them, and strangers made from cells.

Neither is drawn as the corruption suite or the measured kinds of non-cells are: a measurement must be news.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

REFERENCE_PX = 96

Views = NDArray[np.uint8]


def widened(views: Views, rng: np.random.Generator) -> Views:
    """Vary stain, light, focus and dirt, so that a cell from another day or lab counts as a cell.

    Stain strength and light vary as optical density does (scale and offset), for all colours and for each;
    saturation varies about the grey of each pixel.
    """
    n = len(views)
    density = -np.log(np.maximum(views.astype(np.float32), 2.5) / 255)
    density *= np.exp(rng.normal(0, 0.25, (n, 1, 1, 1)) + rng.normal(0, 0.12, (n, 1, 1, 3)))
    density += rng.normal(0, 0.15, (n, 1, 1, 1)) + rng.normal(0, 0.03, (n, 1, 1, 3))
    light = np.exp(-density)
    grey = light.mean(axis=3, keepdims=True)
    light = np.clip(grey + (light - grey) * np.exp(rng.normal(0.1, 0.35, (n, 1, 1, 1))), 0, 1)
    light = light.astype(np.float32)
    scale = views.shape[1] / REFERENCE_PX
    for row in range(n):
        light[row] = cv2.GaussianBlur(light[row], (0, 0), max(0.2, rng.uniform(0, 1.8)) * scale)
        for _ in range(int(rng.integers(1, 4)) if rng.random() < 0.5 else 0):  # noqa: PLR2004
            light[row] = _speck(light[row], scale * rng.uniform(0.5, 1.5), rng)
    grain = rng.normal(0, 1, light.shape).astype(np.float32) * rng.uniform(0, 0.01, (n, 1, 1, 1))
    stored: Views = np.rint(np.clip(light + grain, 0, 1) * 255).astype(np.uint8)
    return stored


def strangers(views: Views, rng: np.random.Generator) -> Views:
    """Make pictures that hold no stained cell in the middle (outlier exposure).

    Each view becomes one of: a field of its own corner, mirrored; a cloud of its own colours; a piece of its
    middle, magnified; itself, shifted round so that its middle lies at the border; itself in the hues of no
    stain; a cloud of any few colours or greys.
    """
    makers = (_field, _painted, _cloud, _magnified, _field, _painted, _shifted, _recoloured)
    return np.stack([makers[row % len(makers)](view, rng) for row, view in enumerate(views)])


def _speck(light: NDArray[np.float32], scale: float, rng: np.random.Generator) -> NDArray[np.float32]:
    centre, axes = rng.integers(0, len(light), 2), rng.integers(2, 11, 2) * scale
    colour = rng.uniform(0, 0.3, 3).tolist()
    turned = float(rng.uniform(0, 180))
    size = (max(1, int(axes[0])), max(1, int(axes[1])))
    place = (int(centre[0]), int(centre[1]))
    return np.asarray(cv2.ellipse(light.copy(), place, size, turned, 0, 360, colour, -1, cv2.LINE_AA))


def _field(view: Views, rng: np.random.Generator) -> Views:
    size = len(view)
    side = int(rng.uniform(0.23, 0.35) * size)
    row, column = rng.integers(0, 2, 2) * (size - side)
    corner = view[row : row + side, column : column + side]
    mirrored = np.pad(corner, ((size - side, 0), (size - side, 0), (0, 0)), mode="symmetric")
    return np.asarray(np.rot90(mirrored, int(rng.integers(4))))


def _cloud(view: Views, rng: np.random.Generator) -> Views:
    """Lay the view's own pixels out anew, from dark to light, along noise."""
    pixels = view.reshape(-1, 3)
    from_dark_to_light = pixels[np.argsort(pixels.sum(axis=1, dtype=int), kind="stable")]
    return from_dark_to_light[_noise_ranks(len(view), rng)]


def _noise_ranks(size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rank the pixels of noise whose spectrum falls by a random power law, shape ``(size, size)``."""
    frequency = np.fft.fftfreq(size)
    fall = (np.hypot(frequency[:, None], frequency) + 1e-3) ** -rng.uniform(0.3, 2.5)
    noise = np.fft.ifft2(np.fft.fft2(rng.normal(size=(size, size))) * fall).real
    ranks = np.empty(size * size, np.int64)
    ranks[np.argsort(noise.ravel(), kind="stable")] = np.arange(size * size)
    return ranks.reshape(size, size)


def _magnified(view: Views, rng: np.random.Generator) -> Views:
    size = len(view)
    side = int(rng.uniform(0.2, 0.38) * size)
    row, column = rng.integers(size // 2 - side, size // 2, 2)
    piece = np.ascontiguousarray(view[row : row + side, column : column + side])
    return np.asarray(cv2.resize(piece, (size, size), interpolation=cv2.INTER_CUBIC))


def _shifted(view: Views, rng: np.random.Generator) -> Views:
    size = len(view)
    return np.roll(view, tuple(rng.integers(int(0.38 * size), int(0.62 * size), 2)), axis=(0, 1))


def _recoloured(view: Views, rng: np.random.Generator) -> Views:
    """Turn every hue by 60 to 300 degrees; some lose nearly all colour instead."""
    hsv = np.asarray(cv2.cvtColor(view.astype(np.float32) / 255, cv2.COLOR_RGB2HSV))
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(60, 300)) % 360
    if rng.random() < 0.25:  # noqa: PLR2004
        hsv[..., 1] *= rng.uniform(0, 0.15)
    turned: NDArray[np.float32] = np.rint(np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)) * 255)
    return turned.astype(np.uint8)


def _painted(view: Views, rng: np.random.Generator) -> Views:
    """Colour noise from dark to light with two to four colours or greys, some of little contrast."""
    colours = rng.uniform(0, 255, (rng.integers(2, 5), 3))
    if rng.random() < 0.4:  # noqa: PLR2004
        colours = colours.mean(axis=1, keepdims=True).repeat(3, axis=1) + rng.normal(0, 4, 3)
    if rng.random() < 0.3:  # noqa: PLR2004
        colours = colours.mean(axis=0) + (colours - colours.mean(axis=0)) * rng.uniform(0.02, 0.4)
    size = len(view)
    level = (_noise_ranks(size, rng) / (size * size - 1)) ** np.exp(rng.uniform(-1.6, 1.6))
    stops = np.linspace(0, 1, len(colours))
    channels = [np.interp(level, stops, colours[:, channel]) for channel in range(3)]
    picture: NDArray[np.float64] = np.clip(np.rint(np.stack(channels, axis=-1)), 0, 255)
    return picture.astype(np.uint8)
