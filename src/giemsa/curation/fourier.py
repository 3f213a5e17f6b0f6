"""Fourier transforms of small pictures, and back at small shifts only, as products of small matrices.

They are as fast as an FFT of 32 by 32 points, of whose inverse a twelfth is wanted; and importing SciPy's
would take longer than comparing all the pairs of a hundred new pictures.
"""

import numpy as np
from numpy.typing import NDArray

from giemsa.curation.spectra import SIDE

REACH = 4  # pixels of SIDE: the largest shift that is looked for, 12.5%

Levels = NDArray[np.float32]
Spectra = NDArray[np.complex64]


def spectra(levels: Levels) -> Spectra:
    """Transform shape ``(…, 32, 32)`` to ``(…, 32, 17)``, as ``numpy.fft.rfft2`` does."""
    along: Spectra = (levels @ _ACROSS).view(np.complex64)
    transformed: Spectra = _DOWN @ along
    return transformed


def at_shifts(transformed: Spectra) -> Levels:
    """Transform shape ``(…, 32, 17)`` to ``(…, 9, 9)``: what ``irfft2`` gives at shifts of -4 to 4 pixels."""
    down: Spectra = _SHIFTS_DOWN @ transformed
    levels: Levels = down.view(np.float32) @ _SHIFTS_ACROSS
    return levels


def _waves(positions: NDArray[np.int64], frequencies: NDArray[np.int64]) -> Spectra:
    waves: Spectra = np.exp(2j * np.pi / SIDE * np.outer(positions, frequencies)).astype(np.complex64)
    return waves


_ALONG, _HALF, _SHIFTS = np.arange(SIDE), np.arange(SIDE // 2 + 1), np.arange(-REACH, REACH + 1)
_TWICE = np.where(_HALF % (SIDE // 2), 2, 1).astype(np.float32)  # what is left out mirrors this half
# Real and imaginary parts stand beside each other, as in memory, where what they are multiplied with is real.
_ACROSS = _waves(_ALONG, -_HALF).view(np.float32)
_DOWN = _waves(_ALONG, -_ALONG)
_SHIFTS_DOWN = _waves(_SHIFTS, _ALONG)
_SHIFTS_ACROSS = (_TWICE / SIDE**2 * _waves(_SHIFTS, -_HALF)).view(np.float32).T
