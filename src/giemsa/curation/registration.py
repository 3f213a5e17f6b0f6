"""Decide by pixels whether two pictures show the same: lay one on the other, then compare."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from giemsa.curation.fourier import REACH, at_shifts, spectra
from giemsa.curation.hashing import SYMMETRIES, symmetry
from giemsa.curation.spectra import SIDE, WINDOW

MARGIN = 2  # pixels of SIDE: what a shifted copy's filled border may cover, 6%
PROMISING = 0.88  # correlation at whole-pixel shifts that true copies keep
MAX_SKEW = 0.06  # a copy is neither turned by an angle nor sheared: 0.06 is 3.4 degrees
MAX_STRETCH = 0.12
ROUGHLY = 3.0  # at half size both may still be wrong by so much more
MIN_OVERLAP = 0.5
SMOOTHING = 0.8  # pixels: a 0.5x or quality-40 copy has lost what is finer
WINDOW_SIZE = (9, 9)
STABLE = 0.01  # variance, of 1 for the whole picture: below it a window counts as flat
BATCH = 256

Pixels = NDArray[np.uint8]
Levels = NDArray[np.float32]


def similarities(first: Pixels, second: Pixels, *, symmetries: bool = True) -> Levels:
    """Compare pictures pair by pair, whatever of the eight symmetries, shift, scale, exposure lies between.

    Three steps, each dropping pairs that cannot be copies: correlation over all symmetries and whole-pixel
    shifts; alignment by the enhanced correlation coefficient (Evangelidis and Psarakis, IEEE TPAMI 30,
    2008); mean structural similarity where they overlap (the contrast-structure term of Wang et al., IEEE
    Transactions on Image Processing 13, 2004), which a mere likeness of outlines does not win.

    Args:
        first: grey thumbnails, shape ``(n, 64, 64)``, uint8.
        second: what they are compared with, same shape.
        symmetries: whether turned and mirrored copies count.

    Returns:
        Structural similarity after registration, shape ``(n,)``, 0..1; 0 where no registration fits.
    """
    found = np.zeros(len(first), dtype=np.float32)
    spans = [slice(start, start + BATCH) for start in range(0, len(first), BATCH)]

    def compare(span: slice) -> None:
        found[span] = list(_compared(first[span], second[span], SYMMETRIES if symmetries else 1))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(compare, spans):
            pass
    return found


def _compared(first: Pixels, second: Pixels, turns: int) -> Iterator[float]:
    poses, scores = best_poses(halved(first), halved(second), turns)
    for left, right, (index, down, across), score in zip(first, second, poses, scores, strict=True):
        if np.array_equal(left, right):
            yield 1.0
        elif score < PROMISING:
            yield 0.0
        else:
            yield _registered(left, symmetry(right, int(index)), float(across), float(down))


def halved(pixels: Pixels) -> Levels:
    """Halve thumbnails of shape ``(n, 64, 64)`` by averaging."""
    rows = pixels.reshape(-1, 2 * SIDE, 2 * SIDE).astype(np.uint16)
    rows = rows[:, ::2] + rows[:, 1::2]
    return (rows[..., ::2] + rows[..., 1::2]).astype(np.float32) / np.float32(4)


def best_poses(first: Levels, second: Levels, turns: int = SYMMETRIES) -> tuple[NDArray[np.int64], Levels]:
    """Find the symmetry and the whole-pixel shift under which each ``second`` matches its ``first`` best.

    Args:
        first: shape ``(n, 32, 32)``.
        second: same shape.
        turns: how many of the symmetries are tried, from the identity on.

    Returns:
        Symmetry, shift down and shift right, shape ``(n, 3)``; the correlation where they overlap, ``(n,)``.
    """
    rows = np.arange(len(first))
    last = second.transpose(1, 2, 0)
    seen = np.stack([symmetry(last, k).transpose(2, 0, 1) for k in range(turns)], axis=1)
    product = spectra(_windowed(first)).conj()[:, np.newaxis] * spectra(_windowed(seen))
    peaks = at_shifts(product)
    best = peaks.reshape(len(first), -1).argmax(axis=1)
    index, down, across = np.unravel_index(best, peaks.shape[1:])
    poses = np.stack([index, down - REACH, across - REACH], axis=1)
    return poses, _overlap_correlation(first, seen[rows, index], poses[:, 1], poses[:, 2])


def _windowed(levels: Levels) -> Levels:
    windowed: Levels = (levels - levels.mean(axis=(-2, -1), keepdims=True)) * WINDOW
    return windowed


def _overlap_correlation(
    first: Levels, second: Levels, down: NDArray[np.int64], across: NDArray[np.int64]
) -> Levels:
    along = np.arange(SIDE)
    rows = (along + down[:, np.newaxis])[:, :, np.newaxis]
    columns = (along + across[:, np.newaxis])[:, np.newaxis]
    inside = _inner(rows) & _inner(columns) & _inner(along[:, np.newaxis], 1) & _inner(along, 1)
    each = np.arange(len(first))[:, np.newaxis, np.newaxis]
    moved = second[each, rows.clip(0, SIDE - 1), columns.clip(0, SIDE - 1)]
    count = inside.sum(axis=(1, 2), keepdims=True)
    left, right = (
        (levels - (levels * inside).sum(axis=(1, 2), keepdims=True) / count) * inside
        for levels in (first, moved)
    )
    power = (left**2).sum(axis=(1, 2)) * (right**2).sum(axis=(1, 2))
    correlation: Levels = (left * right).sum(axis=(1, 2)) / np.sqrt(power + 1e-6)
    return correlation


def _inner(positions: NDArray[np.int64], margin: int = MARGIN) -> NDArray[np.bool_]:
    return (positions >= margin) & (positions < SIDE - margin)


def _registered(left: Pixels, right: Pixels, across: float, down: float) -> float:
    """Align ``right`` to ``left``, coarsely at half size and then at full size, and correlate."""
    move: Levels = np.array([[1, 0, across], [0, 1, down]], dtype=np.float32)
    small_left, small_right = halved(left)[0], halved(np.ascontiguousarray(right))[0]
    if not _align(small_left, small_right, move, steps=10, slack=ROUGHLY):
        return 0.0
    move[:, 2] *= 2
    large_left, large_right = left.astype(np.float32), right.astype(np.float32)
    if not _align(large_left, large_right, move, steps=20, slack=1.0):
        return 0.0
    return _structure(large_left, large_right, move)


def _align(left: Levels, right: Levels, move: Levels, *, steps: int, slack: float) -> bool:
    """Improve ``move`` in place; tell whether it is one that a copy can have."""
    import cv2

    inner = _inside(right).astype(np.uint8)
    until = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, steps, 1e-4)
    try:
        _, found = cv2.findTransformECC(left, right, move, cv2.MOTION_AFFINE, until, inner, 3)
    except cv2.error:  # no convergence: the two have nothing in common
        return False
    move[:] = found
    skew = max(abs(move[0, 1]), abs(move[1, 0]))
    stretch = max(abs(move[0, 0] - 1), abs(move[1, 1] - 1))
    return bool(skew <= slack * MAX_SKEW and stretch <= slack * MAX_STRETCH)


def _inside(levels: Levels) -> Levels:
    """Mark what a shifted copy's filled border cannot cover."""
    margin = MARGIN * len(levels) // SIDE
    inner = np.zeros_like(levels)
    inner[margin:-margin, margin:-margin] = 1
    return inner


def _structure(left: Levels, right: Levels, move: Levels) -> float:
    """Compare structure window by window where the two overlap, after ``right`` was moved onto ``left``."""
    import cv2

    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (left.shape[1], left.shape[0])
    left, right = (cv2.GaussianBlur(levels, (0, 0), SMOOTHING) for levels in (left, right))
    overlap = (cv2.warpAffine(_inside(right), move, size, flags=flags) > 1 - 1e-3).astype(np.float32)
    overlap[[0, -1]] = overlap[:, [0, -1]] = 0
    if overlap.mean() < MIN_OVERLAP:
        return 0.0
    one = _standardised(left, overlap)
    two = _standardised(cv2.warpAffine(right, move, size, flags=flags), overlap)
    covered = np.maximum(cv2.boxFilter(overlap, -1, WINDOW_SIZE), 1e-3)

    def windowed(values: Levels) -> Levels:
        means: Levels = cv2.boxFilter(values * overlap, -1, WINDOW_SIZE) / covered
        return means

    mean_one, mean_two = windowed(one), windowed(two)
    shared = windowed(one * two) - mean_one * mean_two
    own = windowed(one**2) - mean_one**2 + windowed(two**2) - mean_two**2
    similarity = (2 * shared + STABLE) / (own + STABLE)
    return float(np.clip(similarity[overlap > 0].mean(), 0, 1))


def _standardised(levels: Levels, overlap: Levels) -> Levels:
    inside = levels[overlap > 0]
    standard: Levels = (levels - inside.mean()) / np.maximum(inside.std(), 1e-3)
    return standard
