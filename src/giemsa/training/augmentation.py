"""Change a cell's picture as slides, stains, microscopes and cameras do, without changing what the cell is.

Each picture's changes follow from (seed, epoch, index) alone, whichever thread draws them. The operators are
not those of the robustness suite in ``giemsa.evaluation.corruption``, though they stand for the same causes.
"""

import math
from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Operator = Callable[[Picture, np.random.Generator], Picture]

cv2.setNumThreads(1)  # Many small pictures: threads of our own, none of OpenCV's.

# Colours of what lies on a slide: anything, precipitated dye, and what lets no light through.
DIRT: Final = (((0, 0, 0), (255, 255, 255)), ((30, 0, 60), (140, 90, 180)), ((0, 0, 0), (60, 60, 60)))

_BANK_SIDE: Final = 1024
_LEVELS: Final = np.arange(256, dtype=np.float32) / 255


def generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Give the random numbers that belong to one picture in one epoch."""
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, epoch, index]))


def augment(picture: Picture, size: int, rng: np.random.Generator) -> Picture:
    """Draw one changed version of a picture.

    Args:
        picture: RGB, shape ``(height, width, 3)``.
        size: side of the result in pixels.
        rng: see :func:`generator`.

    Returns:
        RGB, shape ``(size, size, 3)``.
    """
    picture = stain(place(picture, size, rng), rng)
    faults = rng.random(len(FAULTS))
    for (operator, chance), drawn in zip(FAULTS, faults, strict=True):
        if drawn < chance:
            picture = operator(picture, rng)
    return picture


def place(picture: Picture, size: int, rng: np.random.Generator) -> Picture:
    """Turn, mirror, scale, stretch and shift; one picture in four is only turned by quarters and mirrored."""
    side = picture.shape[0]
    if rng.random() < 0.25 and side == size:
        turned = np.rot90(picture, int(rng.integers(4)))
        return np.ascontiguousarray(turned[:, ::-1] if rng.random() < 0.5 else turned)
    angle = rng.uniform(0, 2 * math.pi)
    zoom = size / side * (rng.uniform(0.6, 1.5) if rng.random() < 0.3 else math.exp(rng.normal(0, 0.1)))
    stretch = math.exp(rng.normal(0, 0.05))
    mirror = 1 if rng.random() < 0.5 else -1
    cos, sin = math.cos(angle), math.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([zoom * stretch * mirror, zoom / stretch])
    shift = rng.uniform(-0.08, 0.08, 2) * size
    offset = (size - 1) / 2 + shift - linear @ np.full(2, (side - 1) / 2)
    flags = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
    matrix = np.column_stack([linear, offset])
    return cv2.warpAffine(picture, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT_101)


def stain(picture: Picture, rng: np.random.Generator) -> Picture:
    """Change dyes and white balance: each channel's optical density, the saturation and the hue."""
    spread = 0.3 if rng.random() < 0.3 else 0.1
    density = np.exp(rng.normal(0, spread, 3))
    white = np.exp(rng.normal(0, 0.3 * spread, 3))
    table = np.clip(_LEVELS[:, None] ** density * white, 0, 1) * 255
    picture = cv2.LUT(picture, table.astype(np.uint8)[:, None])
    hue, saturation = rng.normal(0, spread), math.exp(rng.normal(0, 1.5 * spread))
    return cv2.transform(picture, _colour_matrix(hue, saturation))


def _colour_matrix(hue: float, saturation: float) -> NDArray[np.float32]:
    """Turn colours about the grey axis by ``hue`` radians and stretch them from it by ``saturation``."""
    grey = np.full((3, 3), 1 / 3)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    turned = math.cos(hue) * (np.eye(3) - grey) + math.sin(hue) * cross
    return (grey + saturation * turned).astype(np.float32)


def debris(picture: Picture, rng: np.random.Generator) -> Picture:
    """Lay stain precipitate and dirt over the slide: ragged, coloured, partly translucent patches."""
    noise = _crop(_BANK_SMOOTH[int(rng.integers(len(_BANK_SMOOTH)))], picture.shape[0], rng)
    depth = rng.uniform(0.5, 2.0)  # standard deviations: covers 30 % to 2 % of the picture
    mask = np.clip((noise - depth) * rng.uniform(2, 20), 0, 1)
    low, high = DIRT[int(rng.integers(len(DIRT)))]
    colour = rng.uniform(low, high, 3)
    mask = (mask * rng.uniform(0.4, 1.0))[..., None]
    return _stored(picture + (colour.astype(np.float32) - picture) * mask)


def refraction(picture: Picture, rng: np.random.Generator) -> Picture:
    """Put droplets of air, water or oil into the light path: patches of other brightness with a bent rim."""
    side = picture.shape[0]
    gain = np.ones((side, side), np.float32)
    for _ in range(int(rng.integers(1, 7))):
        centre = rng.integers(0, side, 2).tolist()
        axes = (rng.uniform(0.03, 0.25) * side * np.exp(rng.normal(0, 0.2, 2))).astype(int).tolist()
        turn, start = rng.uniform(0, 180), rng.uniform(0, 360)
        inside, rim = rng.uniform(0.7, 1.5), rng.uniform(0.2, 2.0)
        cv2.ellipse(gain, centre, axes, turn, 0, 360, inside, -1, cv2.LINE_AA)
        arc = start + rng.uniform(90, 360)
        cv2.ellipse(gain, centre, axes, turn, start, arc, rim, int(rng.integers(1, 4)), cv2.LINE_AA)
    gain = cv2.GaussianBlur(gain, (0, 0), rng.uniform(0.5, 1.5))
    return _stored(picture * gain[..., None])


def occlusion(picture: Picture, rng: np.random.Generator) -> Picture:
    """Hide a part behind an evenly coloured shape, as a pointer, a scratch or a label does."""
    picture = picture.copy()
    side = picture.shape[0]
    centre = rng.uniform(0, side, 2)
    extent = rng.uniform(0.05, 0.4, 2) * side
    corners = cv2.boxPoints((centre.tolist(), extent.tolist(), rng.uniform(0, 90)))
    cv2.fillConvexPoly(picture, corners.astype(np.int32), rng.uniform(0, 255, 3).tolist(), cv2.LINE_AA)
    return picture


def illumination(picture: Picture, rng: np.random.Generator) -> Picture:
    """Light the field unevenly: a smooth gain with a different value in each corner."""
    gain = np.exp(rng.normal(0, 0.25, (3, 3))).astype(np.float32)
    field = cv2.resize(gain, picture.shape[:2], interpolation=cv2.INTER_CUBIC)
    return _stored(picture * field[..., None])


def exposure(picture: Picture, rng: np.random.Generator) -> Picture:
    """Expose for too long or too short: a gain in linear light, then clipping."""
    gain = math.exp(rng.normal(0, 0.7))
    table = np.clip(_LEVELS**2.2 * gain, 0, 1) ** (1 / 2.2) * 255
    return cv2.LUT(picture, table.astype(np.uint8))


def tone(picture: Picture, rng: np.random.Generator) -> Picture:
    """Veil the picture with stray light, or steepen it by a camera's S-shaped tone curve."""
    if rng.random() < 0.6:
        veil, tint = rng.uniform(0.1, 0.85), rng.uniform(0.2, 1.0) + rng.normal(0, 0.05, 3)
        table = _LEVELS[:, None] * (1 - veil) + veil * tint
    else:
        steep, pivot = rng.uniform(3, 14), rng.uniform(0.3, 0.75)
        table = 1 / (1 + np.exp(-steep * (_LEVELS - pivot)))[:, None] * np.ones(3)
    return cv2.LUT(picture, (np.clip(table, 0, 1) * 255).astype(np.uint8)[:, None])


def blur(picture: Picture, rng: np.random.Generator) -> Picture:
    """Blur by a Gaussian that is wider in one direction than in the other."""
    wide, narrow = rng.uniform(0.5, 3.0), rng.uniform(0.3, 2.0)
    angle = rng.uniform(0, math.pi)
    y, x = np.mgrid[-4:5, -4:5].astype(np.float32)
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    kernel = np.exp(-((along / wide) ** 2 + (across / narrow) ** 2) / 2)
    return cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101)


def resampling(picture: Picture, rng: np.random.Generator) -> Picture:
    """Pass through a coarser sensor: averaged down, then brought back by smooth interpolation."""
    size = picture.shape[0]
    coarse = max(8, int(size / rng.uniform(1.3, 5.0)))
    method = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)[int(rng.integers(3))]
    small = cv2.resize(picture, (coarse, coarse), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (size, size), interpolation=method)


def noise(picture: Picture, rng: np.random.Generator) -> Picture:
    """Add a sensor's grain, in colour or in brightness only."""
    level = rng.uniform(2, 30)
    start = int(rng.integers(_BANK_WHITE.size - picture.size))
    grain = _BANK_WHITE[start : start + picture.size].reshape(picture.shape)
    if rng.random() < 0.3:
        grain = grain[..., :1]
    return _stored(picture + grain * level)


def compression(picture: Picture, rng: np.random.Generator) -> Picture:
    """Store as a JPEG of low quality, its blocks anywhere on the cell."""
    shift = int(rng.integers(8))
    moved = cv2.copyMakeBorder(picture, shift, 0, shift, 0, cv2.BORDER_REFLECT_101)
    quality = int(math.exp(rng.uniform(math.log(6), math.log(60))))
    _, stored = cv2.imencode(".jpg", moved, [cv2.IMWRITE_JPEG_QUALITY, quality])
    read = cv2.imdecode(stored, cv2.IMREAD_COLOR)
    assert read is not None
    return read[shift:, shift:]


# In the order in which light and data pass them: slide, microscope, camera, file.
FAULTS: Final[tuple[tuple[Operator, float], ...]] = (
    (debris, 0.2),
    (refraction, 0.1),
    (occlusion, 0.08),
    (illumination, 0.12),
    (blur, 0.12),
    (exposure, 0.15),
    (tone, 0.12),
    (noise, 0.08),
    (resampling, 0.1),
    (compression, 0.12),
)


def _stored(picture: NDArray[np.floating]) -> Picture:
    return np.clip(picture, 0, 255).astype(np.uint8)


def _crop(bank: NDArray[np.float32], side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    top, left = rng.integers(_BANK_SIDE - side, size=2)
    return bank[top : top + side, left : left + side]


def _smooth(sigma: float) -> NDArray[np.float32]:
    rough = np.random.default_rng(0).normal(size=(_BANK_SIDE, _BANK_SIDE)).astype(np.float32)
    field: NDArray[np.float32] = cv2.GaussianBlur(rough, (0, 0), sigma)
    return field / field.std()


_BANK_WHITE: Final = np.random.default_rng(1).normal(size=1 << 20).astype(np.float32)
_BANK_SMOOTH: Final = tuple(_smooth(sigma) for sigma in (2.0, 4.0, 8.0))
