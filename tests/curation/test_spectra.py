from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from giemsa.curation.hashing import symmetry
from giemsa.curation.spectra import LENGTH, as_vectors, spectra

Pixels = NDArray[np.uint8]


def small(pixels: Pixels) -> Pixels:
    resized: Pixels = cv2.resize(pixels, (32, 32), interpolation=cv2.INTER_AREA)
    return resized


def distance(first: Pixels, second: Pixels) -> float:
    one, two = as_vectors(spectra(np.stack([first, second])))
    return float(((one - two) ** 2).sum())


@pytest.mark.parametrize("index", range(8))
def test_the_eight_symmetries_are_described_alike(cell: Callable[..., Pixels], index: int) -> None:
    picture = small(cell(1))
    assert distance(picture, symmetry(picture, index)) < 1e-3


def test_a_shifted_copy_lies_closer_than_any_other_cell(cell: Callable[..., Pixels]) -> None:
    large = cell(1, 120)
    picture, shifted = small(large[10:110, 10:110]), small(large[5:105, 15:115])
    others = [distance(picture, small(cell(seed))) for seed in range(2, 12)]
    assert distance(picture, shifted) < 0.5 * min(others)


def test_exposure_does_not_matter(cell: Callable[..., Pixels]) -> None:
    picture = small(cell(1))
    assert distance(picture, (picture * 0.8 + 20).astype(np.uint8)) < 0.005


def test_a_flat_picture_has_an_empty_description() -> None:
    flat = spectra(np.full((1, 32, 32, 3), 7, np.uint8))
    assert flat.shape == (1, LENGTH)
    assert not np.isnan(as_vectors(flat)).any()
