"""What a picture looks like at a glance."""

import numpy as np
import pytest
from numpy.typing import NDArray

from giemsa.evaluation.appearance import appearance
from tests.evaluation.conftest import blobs


def test_a_picture_is_described_by_37_finite_numbers_whatever_its_size_and_content() -> None:
    for size in (16, 32, 97):
        odd = np.stack([np.zeros((size, size, 3)), np.full((size, size, 3), 255)]).astype(np.uint8)
        looks = appearance(odd)
        assert looks.shape == (2, 37)
        assert np.isfinite(looks).all()
    assert appearance(np.empty((0, 32, 32, 3), np.uint8)).shape == (0, 37)


def test_a_description_does_not_depend_on_company(views: NDArray[np.uint8]) -> None:
    alone = np.concatenate([appearance(view[None]) for view in views])
    np.testing.assert_allclose(appearance(views), alone, rtol=1e-12)


def test_stain_is_told_apart_from_light(views: NDArray[np.uint8]) -> None:
    # Half the light: the field darkens, the stain against it hardly changes.
    bright, dim = appearance(views), appearance(views // 2)
    assert (bright[:, :3] - dim[:, :3]).mean() == pytest.approx(np.log(2), abs=0.05)
    rings = slice(3, 21)
    assert np.abs(bright[:, rings] - dim[:, rings]).mean() < 0.1 * np.abs(bright[:, rings]).mean() + 0.02


def test_a_turned_cell_looks_nearly_the_same() -> None:
    cells = blobs(np.arange(8), size=96)
    looks, turned = appearance(cells), appearance(np.rot90(cells, axes=(1, 2)).copy())
    np.testing.assert_allclose(looks, turned, atol=0.05)
