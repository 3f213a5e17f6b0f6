"""Describe a picture so that shifted, turned and mirrored copies lie close together.

The amplitude spectrum of a picture does not change when the picture is shifted (Fourier's shift theorem; for
registration: Reddy and Chatterji, IEEE Transactions on Image Processing 5, 1996), and sums and differences of
mirrored frequencies do not change under the symmetries of the square.
"""

import numpy as np
from numpy.typing import NDArray

SIDE = 32
LEVELS = 255  # of a description's unit range
AT_ONCE = 64  # pictures whose waves fit a core's cache
FREQUENCIES = 6
_UPPER = np.triu_indices(FREQUENCIES)
_ABOVE = np.triu_indices(FREQUENCIES, 1)
LENGTH = 3 * (2 * len(_UPPER[0]) + len(_ABOVE[0]))
_RAMP = np.sin(np.pi * (np.arange(SIDE) + 0.5) / SIDE)
WINDOW = np.outer(_RAMP, _RAMP).astype(np.float32)
# The frequencies 0..5 and then -5..-1 are all that is wanted: two small products beat a whole transform.
_TURNS = np.outer(np.arange(SIDE), [*range(FREQUENCIES), *range(1 - FREQUENCIES, 0)]) / SIDE
_WAVES = np.exp(-2j * np.pi * _TURNS).astype(np.complex64)


def spectra(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Describe pictures by their low frequencies.

    A cosine window fades the border out, where a shifted copy shows something else. Dividing by the length
    makes the description blind to gain; the mean is taken off, so that it is blind to offset too.

    Args:
        pixels: small RGB pictures, shape ``(n, 32, 32, 3)``, uint8.

    Returns:
        Shape ``(n, 171)``, uint8: square roots of amplitudes, so that strong ones do not drown others.
    """
    parts = [_described(pixels[start : start + AT_ONCE]) for start in range(0, len(pixels), AT_ONCE)]
    return np.concatenate([np.empty((0, LENGTH), np.uint8), *parts])


def _described(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    levels = np.moveaxis(pixels, 3, 1).astype(np.float32)
    levels -= (levels * WINDOW).sum((2, 3), keepdims=True) / WINDOW.sum()
    waves = np.abs(_WAVES.T @ (levels * WINDOW @ _WAVES[:, :FREQUENCIES]))
    ahead, mirrored = waves[:, :, :FREQUENCIES], waves[:, :, -np.arange(FREQUENCIES)]
    total, skew = ahead + mirrored, np.abs(ahead - mirrored)
    parts = (
        (total + total.swapaxes(2, 3))[..., *_UPPER],
        (skew + skew.swapaxes(2, 3))[..., *_UPPER],
        np.abs(total - total.swapaxes(2, 3))[..., *_ABOVE],
    )
    described = np.concatenate(parts, axis=2).reshape(len(pixels), LENGTH)
    length = np.linalg.norm(described, axis=1, keepdims=True)
    described /= np.maximum(length, np.finfo(np.float32).tiny)
    packed: NDArray[np.uint8] = np.rint(LEVELS * np.sqrt(described)).astype(np.uint8)
    return packed


def as_vectors(described: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Bring descriptions to unit range, so that squared Euclidean distances lie in 0..2."""
    return described.astype(np.float32) / np.float32(LEVELS)
