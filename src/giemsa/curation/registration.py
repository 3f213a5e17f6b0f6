"""Decide by pixels whether two pictures show the same: lay one on the other, then compare."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from giemsa.curation.fourier import REACH, at_shifts, spectra
from giemsa.curation.hashing import SYMMETRIES, symmetry
from giemsa.curation.spectra import SIDE

MARGIN = 2  # pixels of SIDE: what a shifted copy's filled border may cover, 6%
COARSE = 1.3  # pixels of SIDE: what is finer does not agree at whole-pixel shifts, nor where a copy is scaled
FAR = 4  # of that: beyond, weights are zero, for numbers almost zero are slow
PROMISING = 0.95  # correlation of what is coarse: copies have more
LIKELY = 0.8  # structural similarity of what is coarse: copies have more
MAX_SKEW = 0.06  # a copy is neither turned by an angle nor sheared: 0.06 is 3.4 degrees
MAX_STRETCH = 0.128  # logarithm of the scale, 12%, the same for both directions
ROUGHLY = 3.0  # at half size both may still be wrong by so much more
MIN_OVERLAP = 0.5
SMOOTHING = 0.8  # pixels: a 0.5x or quality-40 copy has lost what is finer
WINDOW, COARSE_WINDOW = 9, 5  # pixels a side
STABLE = 0.01  # variance, of 1 for the whole picture: below it a window counts as flat
BATCH = 256

Pixels = NDArray[np.uint8]
Levels = NDArray[np.float32]


def similarities(first: Pixels, second: Pixels, *, symmetries: bool = True) -> Levels:
    """Compare pictures pair by pair, whatever of the eight symmetries, shift, scale, exposure lies between.

    In each symmetry, what cannot be a copy is dropped step by step. Blurred pictures, to which a slightly
    other scale does not matter, are correlated at whole-pixel shifts, and their structure is compared at
    the best one. The pictures are aligned by the enhanced correlation coefficient (Evangelidis and Psarakis,
    IEEE TPAMI 30, 2008). Their mean structural similarity where they overlap (the contrast-structure term of
    Wang et al., IEEE Transactions on Image Processing 13, 2004) decides, which a mere likeness of outlines
    does not win. The most similar symmetry counts.

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
        found[span] = _compared(first[span], second[span], SYMMETRIES if symmetries else 1)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(compare, spans):
            pass
    return found


def _compared(first: Pixels, second: Pixels, turns: int) -> Levels:
    found: Levels = (first == second).all(axis=(1, 2)).astype(np.float32)
    left, right = coarse(first), coarse(second)
    shifts, scores = best_shifts(left, right, turns)
    # A round cell correlates in wrong symmetries too, and sometimes best.
    row, turn = np.nonzero((scores >= PROMISING) & (found[:, np.newaxis] < 1))
    shift = shifts[row, turn]
    moved, overlap = _moved(_symmetries(right, turns)[row, turn], shift)
    likely = _structure(left[row], moved, overlap, COARSE_WINDOW) >= LIKELY
    for pair, index, (down, across) in zip(row[likely], turn[likely], shift[likely], strict=True):
        turned = np.ascontiguousarray(symmetry(second[pair], int(index)))
        found[pair] = max(found[pair], _registered(first[pair], turned, float(across), float(down)))
    return found


def coarse(pixels: Pixels) -> Levels:
    """Halve thumbnails, shape ``(n, 64, 64)``, and blur them, which leaves what is alike at any near scale.

    Returns:
        Shape ``(n, 32, 32)``; the border is zero, and so is the mean of what lies within it.
    """
    blurred = _on_both_sides(_BLUR, _halved(pixels))
    inside = blurred[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    inside -= inside.mean(axis=(1, 2), keepdims=True)
    return blurred


def _halved(pixels: Pixels) -> Levels:
    rows = pixels.reshape(-1, 2 * SIDE, 2 * SIDE).astype(np.uint16)
    rows = rows[:, ::2] + rows[:, 1::2]
    return (rows[..., ::2] + rows[..., 1::2]).astype(np.float32) / np.float32(4)


def best_shifts(first: Levels, second: Levels, turns: int = SYMMETRIES) -> tuple[NDArray[np.int64], Levels]:
    """Find the whole-pixel shift under which each ``second``, in each symmetry, matches its ``first`` best.

    Normalised correlation over what overlaps, borders left out, at all shifts at once (Padfield, IEEE
    Transactions on Image Processing 21, 2012).

    Args:
        first: pictures as ``coarse`` makes them, shape ``(n, 32, 32)``.
        second: same shape.
        turns: how many of the symmetries are tried, from the identity on.

    Returns:
        Shifts down and to the right, shape ``(n, turns, 2)``; the correlations there, ``(n, turns)``.
    """
    waves = spectra(first).conj()[:, np.newaxis] * spectra(_symmetries(second, turns))
    # What of one picture overlaps is a box; those of a turned picture's shifts are turned likewise.
    total_first, power_first = (_boxes(levels)[:, np.newaxis, ::-1, ::-1] for levels in (first, first**2))
    total_second, power_second = (_symmetries(_boxes(levels), turns) for levels in (second, second**2))
    shared = at_shifts(waves) - total_first * total_second / _COUNTS
    power = (power_first - total_first**2 / _COUNTS) * (power_second - total_second**2 / _COUNTS)
    found: Levels = shared / np.sqrt(np.maximum(power, 0) + 1e-6)
    correlation = found.reshape(len(first), turns, -1)
    shifts = np.stack(np.divmod(correlation.argmax(axis=2), 2 * REACH + 1), axis=2) - REACH
    return shifts, correlation.max(axis=2)


def _symmetries(levels: Levels, turns: int) -> Levels:
    """Turn and mirror shape ``(n, side, side)`` to ``(n, turns, side, side)``."""
    last = levels.transpose(1, 2, 0)
    return np.stack([symmetry(last, index).transpose(2, 0, 1) for index in range(turns)], axis=1)


def _boxes(levels: Levels) -> Levels:
    """Sum, for each shift down and right, what of the second picture then lies within the first's border."""
    return _on_both_sides(_OVERLAPS, levels)


def _on_both_sides(weights: Levels, levels: Levels) -> Levels:
    along: Levels = levels @ weights.T
    both: Levels = weights @ along
    return both


def _moved(levels: Levels, shifts: NDArray[np.int64]) -> tuple[Levels, Levels]:
    """Move pictures, each by its shift, and mark what of them then lies within both borders."""
    along = np.arange(SIDE)
    down, across = (along + shifts[:, :1])[:, :, np.newaxis], (along + shifts[:, 1:])[:, np.newaxis]
    each = np.arange(len(levels))[:, np.newaxis, np.newaxis]
    moved = levels[each, down.clip(0, SIDE - 1), across.clip(0, SIDE - 1)]
    overlap = _within(down) & _within(across) & _within(along)[:, np.newaxis] & _within(along)
    return moved, overlap.astype(np.float32)


def _within(positions: NDArray[np.int64]) -> NDArray[np.bool_]:
    return (positions >= MARGIN) & (positions < SIDE - MARGIN)


def _registered(left: Pixels, right: Pixels, across: float, down: float) -> float:
    """Align ``right`` to ``left``, at half size from the given shift and then at full size, and compare."""
    small_left, small_right = _halved(left)[0], _halved(right)[0]
    large_left, large_right = left.astype(np.float32), right.astype(np.float32)
    move: Levels = np.array([[1, 0, across], [0, 1, down]], dtype=np.float32)
    if not _align(small_left, small_right, move, steps=10, slack=ROUGHLY):
        return 0.0
    move[:, 2] *= 2
    if not _align(large_left, large_right, move, steps=20, slack=1.0):
        return 0.0
    return _overlaid(large_left, large_right, move)


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
    stretch = abs(np.log(np.maximum(np.diag(move), np.finfo(np.float32).tiny))).max()
    return bool(skew <= slack * MAX_SKEW and stretch <= slack * MAX_STRETCH)


def _inside(levels: Levels) -> Levels:
    """Mark what a shifted copy's filled border cannot cover."""
    margin = MARGIN * len(levels) // SIDE
    inner = np.zeros_like(levels)
    inner[margin:-margin, margin:-margin] = 1
    return inner


def _overlaid(left: Levels, right: Levels, move: Levels) -> float:
    """Compare structure where the two overlap, after ``right`` was moved onto ``left``."""
    import cv2

    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (left.shape[1], left.shape[0])
    left, right = (cv2.GaussianBlur(levels, (0, 0), SMOOTHING) for levels in (left, right))
    overlap = (cv2.warpAffine(_inside(right), move, size, flags=flags) > 1 - 1e-3).astype(np.float32)
    overlap[[0, -1]] = overlap[:, [0, -1]] = 0
    if overlap.mean() < MIN_OVERLAP:
        return 0.0
    moved = cv2.warpAffine(right, move, size, flags=flags)
    return float(_structure(left[np.newaxis], moved[np.newaxis], overlap[np.newaxis], WINDOW)[0])


def _structure(left: Levels, right: Levels, overlap: Levels, window: int) -> Levels:
    """Compare structure, window by window, of pictures ``(n, side, side)`` where they overlap: ``(n,)``."""
    along = np.arange(left.shape[-1])
    near = (abs(along[:, np.newaxis] - along) <= window // 2).astype(np.float32)
    covered = _on_both_sides(near, overlap).clip(1)
    count = overlap.sum(axis=(1, 2), keepdims=True)

    def standardised(levels: Levels) -> Levels:
        mean = (levels * overlap).sum(axis=(1, 2), keepdims=True) / count
        centred: Levels = (levels - mean) * overlap
        variance: Levels = (centred**2).sum(axis=(1, 2), keepdims=True) / count
        standard: Levels = centred / np.sqrt(variance.clip(1e-6))
        return standard

    def windowed(values: Levels) -> Levels:
        means: Levels = _on_both_sides(near, values) / covered
        return means

    one, two = standardised(left), standardised(right)
    mean_one, mean_two = windowed(one), windowed(two)
    shared = windowed(one * two) - mean_one * mean_two
    own = windowed(one**2) - mean_one**2 + windowed(two**2) - mean_two**2
    # Flat windows, such as white ground, are alike in all pictures: they weigh nothing.
    weight = own.clip(0) / (own + STABLE) * overlap
    similarity = (2 * shared + STABLE) / (own + STABLE) * weight
    mean: Levels = similarity.sum(axis=(1, 2)) / weight.sum(axis=(1, 2)).clip(1e-6)
    return mean.clip(0, 1)


def _blur() -> Levels:
    """Weigh, for each place along a side, its neighbours within the border, as a Gaussian does."""
    away = abs(_ALONG[:, np.newaxis] - _ALONG) / COARSE
    weights = np.exp(-(away**2) / 2) * (away < FAR) * _INNER
    blur: Levels = (_INNER[:, np.newaxis] * weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return blur


_ALONG, _SHIFTS = np.arange(SIDE), np.arange(-REACH, REACH + 1)[:, np.newaxis]
_INNER = _within(_ALONG)
# Circular correlation at up to REACH is exact as long as the zero border, on both sides, is as wide.
_OVERLAPS: Levels = (_INNER & _within(_ALONG - _SHIFTS)).astype(np.float32)
_COUNTS: Levels = np.outer(_OVERLAPS.sum(axis=1), _OVERLAPS.sum(axis=1))
_BLUR = _blur()
