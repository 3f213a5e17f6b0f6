"""Difference hashes (dHash) of pictures: 64 bits that near copies share."""

from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from giemsa.curation.pixels import pixels

WIDTH, HEIGHT = 9, 8
SYMMETRIES = 8
TALL = 1.5  # height over width: well below it Pillow resizes along the rows first
LONGEST = 16_384  # pixels a side: the weights of one length take 72 bytes a pixel, and 64 lengths are kept
LOBES = 3  # of the Lanczos filter
ONE = 1 << 22  # Pillow computes with weights of 22 binary places
AT_ONCE = 1 << 18  # multiplications in one go: they stay in the cache and on one core

Value = TypeVar("Value", bound=np.generic)


def dhash(picture: Pillow.Image) -> int:
    """Hash a picture exactly as ``imagehash.dhash`` does, packed into one integer.

    Krawetz, N., "Kind of like that", hackerfactor.com, 2013: each bit says whether a pixel of a 9 x 8 grey
    thumbnail is brighter than its left neighbour, row by row, first bit most significant.

    Args:
        picture: the picture as Pillow opened it; neither upright nor cropped, since imagehash does neither.
    """
    if picture.mode == "LAB":  # imagehash fails on it: Pillow knows no way from LAB to grey but by RGB
        picture = picture.convert("RGB")
    grey = picture.convert("L")
    if max(grey.size) <= LONGEST and grey.height <= TALL * (grey.width - WIDTH):
        small = shrunk(pixels(grey))
    else:
        small = np.asarray(grey.resize((WIDTH, HEIGHT), Pillow.Resampling.LANCZOS))
    return int(_packed(small[np.newaxis])[0])


def shrunk(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Resize to 9 x 8 pixels exactly as Pillow does with ``Resampling.LANCZOS``, in a third of the time.

    Pillow sums weighted pixels, first along the rows and then along the columns, and rounds to 8 bits in
    between. Here matrices are multiplied, in floating point that holds all these whole numbers exactly.

    Args:
        grey: shape ``(height, width)``, uint8; not ``TALL``, for then Pillow begins with the columns.

    Returns:
        Shape ``(8, 9)``, uint8.
    """
    height, width = grey.shape
    across, down = _weights(width, WIDTH), _weights(height, HEIGHT)
    rows = max(1, AT_ONCE // (WIDTH * width))
    parts = [_rounded(grey[start : start + rows] @ across) for start in range(0, height, rows)]
    return _rounded(down.T @ np.concatenate(parts)).astype(np.uint8)


@lru_cache(maxsize=64)
def _weights(length: int, wanted: int) -> NDArray[np.float64]:
    """Give the whole numbers by which Pillow weighs ``length`` pixels, shape ``(length, wanted)``."""
    scale = length / wanted
    stretch = max(scale, 1.0)
    support = LOBES * stretch
    weights = np.zeros((length, wanted))
    for pixel in range(wanted):
        centre = (pixel + 0.5) * scale
        first, last = max(int(centre - support + 0.5), 0), min(int(centre + support + 0.5), length)
        place = (np.arange(first, last) - centre + 0.5) * (1 / stretch)
        filtered = np.where(np.abs(place) < LOBES, np.sinc(place) * np.sinc(place / LOBES), 0)
        filtered /= np.cumsum(filtered)[-1]
        weights[first:last, pixel] = np.trunc(filtered * ONE + np.copysign(0.5, filtered))
    weights.flags.writeable = False
    return weights


def _rounded(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring sums of weighted pixels back to 0..255, half up."""
    rounded: NDArray[np.float64] = np.clip(np.floor(sums / ONE + 0.5), 0, 255)
    return rounded


def symmetric_hashes(grid: NDArray[np.float32], turned: NDArray[np.float32]) -> list[int]:
    """Hash one picture as seen under the eight symmetries of the square.

    Args:
        grid: its grey thumbnail, shape (8, 9).
        turned: the thumbnail of its transpose (mirrored along the main diagonal), shape (8, 9).

    Returns:
        Eight hashes in the order of ``symmetry``; the first is the picture as it is.
    """
    seen = [view for base in (grid, turned) for view in (base, base[:, ::-1], base[::-1], base[::-1, ::-1])]
    hashes: list[int] = _packed(np.stack(seen)).tolist()
    return hashes


def symmetry(pixels: NDArray[Value], index: int) -> NDArray[Value]:
    """Show ``pixels`` of shape (height, width, ...) under symmetry ``index``, 0..7; 0 leaves it as it is."""
    seen = pixels.swapaxes(0, 1) if index >= SYMMETRIES // 2 else pixels
    if index & 1:
        seen = seen[:, ::-1]
    return seen[::-1] if index & 2 else seen


def _packed(grids: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.uint64]:
    """Pack grids of shape ``(n, 8, 9)`` into one hash each."""
    rows = np.packbits(grids[..., 1:] > grids[..., :-1], axis=2)
    return rows.reshape(-1, HEIGHT).view(">u8").astype(np.uint64)[:, 0]
