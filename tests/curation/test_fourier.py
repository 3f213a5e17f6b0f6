import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from giemsa.curation.fourier import REACH, at_shifts, spectra
from giemsa.curation.spectra import SIDE


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_spectra_are_those_of_an_fft(seed: int, count: int) -> None:
    levels = np.random.default_rng(seed).normal(size=(count, 2, SIDE, SIDE)).astype(np.float32)
    np.testing.assert_allclose(spectra(levels), np.fft.rfft2(levels), atol=1e-4)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_pictures_come_back_at_the_shifts_within_reach(seed: int, count: int) -> None:
    levels = np.random.default_rng(seed).normal(size=(count, SIDE, SIDE)).astype(np.float32)
    shifts = np.arange(-REACH, REACH + 1)
    wanted = levels[:, shifts[:, np.newaxis], shifts]
    np.testing.assert_allclose(at_shifts(spectra(levels)), wanted, atol=1e-5)


def test_a_picture_has_one_spectrum_whatever_stands_beside_it() -> None:
    levels = np.random.default_rng(1).normal(size=(40, SIDE, SIDE)).astype(np.float32)
    together = spectra(levels)
    assert all(np.array_equal(spectra(levels[row]), together[row]) for row in range(40))
    assert np.array_equal(at_shifts(together[:7]), at_shifts(together)[:7])
