"""Varied cells stay cells; strangers are no cells; both repeat exactly."""

import numpy as np
import pytest
from numpy.typing import NDArray

from giemsa.evaluation.strangers import strangers, widened
from tests.evaluation.conftest import blobs


@pytest.fixture(scope="module")
def cells() -> NDArray[np.uint8]:
    return blobs(np.arange(24) % 8, size=48)


def test_varied_cells_keep_shape_and_middle(cells: NDArray[np.uint8]) -> None:
    varied = widened(cells, np.random.default_rng(1))
    assert varied.shape == cells.shape
    assert varied.dtype == np.uint8
    middle = varied[:, 20:28, 20:28].mean(axis=(1, 2, 3))
    corner = varied[:, :4, :4].mean(axis=(1, 2, 3))
    assert (middle < corner).mean() > 0.9


def test_strangers_are_as_many_and_as_large_and_all_changed(cells: NDArray[np.uint8]) -> None:
    made = strangers(cells, np.random.default_rng(1))
    assert made.shape == cells.shape
    assert made.dtype == np.uint8
    assert all((one != other).any() for one, other in zip(cells, made, strict=True))


def test_a_field_of_the_corner_holds_no_cell(cells: NDArray[np.uint8]) -> None:
    fields = strangers(cells, np.random.default_rng(1))[::4]
    assert fields.std(axis=(1, 2)).max() < cells.std(axis=(1, 2)).min()


def test_a_cloud_keeps_the_colours_of_its_cell(cells: NDArray[np.uint8]) -> None:
    cloud = strangers(cells, np.random.default_rng(1))[2]
    assert sorted(map(tuple, cloud.reshape(-1, 3))) == sorted(map(tuple, cells[2].reshape(-1, 3)))


@pytest.mark.parametrize("make", [widened, strangers])
def test_the_same_seed_draws_the_same(cells: NDArray[np.uint8], make: object) -> None:
    assert callable(make)
    once, again = (make(cells, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(once, again)
