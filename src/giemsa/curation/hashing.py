"""Difference hashes (dHash) of pictures: 64 bits that near copies share."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

WIDTH, HEIGHT = 9, 8
SYMMETRIES = 8

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
    small = picture.convert("L").resize((WIDTH, HEIGHT), Pillow.Resampling.LANCZOS)
    return int(_packed(np.asarray(small)[np.newaxis])[0])


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
