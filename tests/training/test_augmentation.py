"""Augmentation changes pictures as microscopes do, and repeats itself."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from giemsa.training import augmentation
from giemsa.training.augmentation import FAULTS, augment, generator, place, stain

Operator = Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]]


def _cell(side: int = 48) -> NDArray[np.uint8]:
    """A purple disc, off the centre, on a pale ground."""
    y, x = np.mgrid[:side, :side]
    inside = (x - 0.4 * side) ** 2 + (y - 0.6 * side) ** 2 < (0.25 * side) ** 2
    return np.where(inside[..., None], (120, 60, 160), (230, 210, 215)).astype(np.uint8)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), epoch=st.integers(0, 500), index=st.integers(0, 10**6))
def test_any_draw_is_a_picture_of_the_asked_size(seed: int, epoch: int, index: int) -> None:
    drawn = augment(_cell(), 32, generator(seed, epoch, index))
    assert drawn.shape == (32, 32, 3)
    assert drawn.dtype == np.uint8


def test_a_draw_follows_from_its_key_alone() -> None:
    once = [augment(_cell(), 48, generator(1, 2, index)) for index in range(20)]
    again = [augment(_cell(), 48, generator(1, 2, index)) for index in reversed(range(20))][::-1]
    assert np.array_equal(once, again)


@pytest.mark.parametrize("key", [(2, 2, 3), (1, 3, 3), (1, 2, 4)])
def test_another_key_is_another_draw(key: tuple[int, int, int]) -> None:
    assert not np.array_equal(augment(_cell(), 48, generator(1, 2, 3)), augment(_cell(), 48, generator(*key)))


def test_the_picture_itself_is_left_alone() -> None:
    cell = _cell()
    for operator, _ in FAULTS:
        operator(cell, generator(1, 1, 1))
    augment(cell, 48, generator(1, 1, 1))
    assert np.array_equal(cell, _cell())


@pytest.mark.parametrize("operator", [stain, *(operator for operator, _ in FAULTS)])
def test_every_operator_keeps_the_shape_and_changes_something(operator: Operator) -> None:
    changed = [operator(_cell(), generator(5, 1, index)) for index in range(8)]
    assert {picture.shape for picture in changed} == {(48, 48, 3)}
    assert {picture.dtype for picture in changed} == {np.dtype(np.uint8)}
    assert any(not np.array_equal(picture, _cell()) for picture in changed)


def test_some_pictures_are_only_turned_by_quarters_so_that_no_pixel_is_interpolated() -> None:
    colours = {tuple(colour) for colour in _cell().reshape(-1, 3)}
    placed = [place(_cell(), 48, generator(1, 1, index)) for index in range(40)]
    exact = [{tuple(colour) for colour in picture.reshape(-1, 3)} == colours for picture in placed]
    assert 2 < sum(exact) < 25


def test_a_turned_cell_stays_in_the_picture() -> None:
    for index in range(40):
        purple = place(_cell(), 48, generator(2, 1, index))[..., 1] < 130
        assert purple.sum() > 100


def test_grey_stays_grey_when_hue_and_saturation_change() -> None:
    grey = np.array([0.5, 0.5, 0.5])
    np.testing.assert_allclose(augmentation._colour_matrix(0.7, 1.8) @ grey, grey, atol=1e-6)


def test_no_change_of_hue_and_saturation_is_the_identity() -> None:
    np.testing.assert_allclose(augmentation._colour_matrix(0.0, 1.0), np.eye(3), atol=1e-6)


def test_a_third_of_a_turn_brings_red_to_another_primary() -> None:
    turned = augmentation._colour_matrix(2 * np.pi / 3, 1.0) @ np.array([1.0, 0.0, 0.0])
    np.testing.assert_allclose(sorted(turned), [0, 0, 1], atol=1e-6)
