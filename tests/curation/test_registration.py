from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from giemsa.curation.hashing import symmetry
from giemsa.curation.registration import best_shifts, coarse, similarities

Pixels = NDArray[np.uint8]


def thumbnail(pixels: Pixels) -> Pixels:
    small = cv2.resize(np.ascontiguousarray(pixels), (64, 64), interpolation=cv2.INTER_AREA)
    grey: Pixels = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    return grey


def similarity(first: Pixels, second: Pixels) -> float:
    return float(similarities(thumbnail(first)[None], thumbnail(second)[None])[0])


def test_equal_pictures_are_wholly_similar(cell: Callable[..., Pixels]) -> None:
    assert similarity(cell(1), cell(1)) == 1


@pytest.mark.parametrize("index", range(8))
def test_every_symmetry_is_seen_through(cell: Callable[..., Pixels], index: int) -> None:
    assert similarity(cell(1), symmetry(cell(1), index)) > 0.97


@pytest.mark.parametrize(("down", "across"), [(0, 5), (-5, 5), (3, -2)])
def test_a_shifted_recrop_is_the_same_cell(cell: Callable[..., Pixels], down: int, across: int) -> None:
    large = cell(1, 110)
    first, second = large[5:105, 5:105], large[5 + down : 105 + down, 5 + across : 105 + across]
    assert similarity(first, second) > 0.9


def test_a_filled_border_is_left_out_of_the_comparison(cell: Callable[..., Pixels]) -> None:
    shifted = np.full_like(cell(1), 255)
    shifted[4:, 4:] = cell(1)[:-4, :-4]
    assert similarity(cell(1), shifted) > 0.9


def test_size_exposure_and_noise_do_not_matter(cell: Callable[..., Pixels]) -> None:
    half = cv2.resize(cell(1), (48, 48), interpolation=cv2.INTER_AREA)
    assert similarity(cell(1), np.clip(half * 1.1 - 10, 0, 255).astype(np.uint8)) > 0.9


def test_other_cells_are_not_similar(cell: Callable[..., Pixels]) -> None:
    cells = np.stack([thumbnail(cell(seed)) for seed in range(20)])
    assert (similarities(cells, np.roll(cells, 1, axis=0)) < 0.85).all()


@pytest.mark.parametrize("axes", [(8, 8), (12, 10), (13, 10)])
def test_white_ground_makes_no_two_cells_alike(axes: tuple[int, int]) -> None:
    white = np.full((64, 64), 255, np.uint8)
    first = cv2.circle(white.copy(), (32, 32), 10, 100, -1)
    second = cv2.ellipse(white.copy(), (32, 32), axes, 0, 0, 360, 100, -1)
    assert similarities(first[None], second[None])[0] < 0.9


def test_a_cell_turned_by_an_angle_is_not_a_copy(cell: Callable[..., Pixels]) -> None:
    turn = cv2.getRotationMatrix2D((48, 48), 20, 1)
    turned = cv2.warpAffine(cell(1), turn, (96, 96), borderMode=cv2.BORDER_REFLECT)
    assert similarity(cell(1), turned) == 0


def test_flat_pictures_have_nothing_to_compare() -> None:
    assert similarity(np.full((64, 64, 3), 9, np.uint8), np.full((64, 64, 3), 200, np.uint8)) == 0


@pytest.mark.parametrize("seed", range(4))
def test_a_recrop_of_a_round_cell_is_found_though_every_symmetry_fits_its_outline(seed: int) -> None:
    random = np.random.default_rng(seed)
    down, across = np.mgrid[:110, :110] - 55.0
    nucleus = np.where(np.hypot(down, across) < 24, 90.0, 200.0)
    grain = cv2.GaussianBlur(random.normal(0, 1, nucleus.shape), (0, 0), 1.5)
    large = cv2.GaussianBlur(nucleus + 6 * grain / grain.std(), (0, 0), 1.5)

    def crop(top: int, left: int, side: int) -> Pixels:
        cut = large[top : top + side, left : left + side]
        small: Pixels = cv2.resize(cut, (64, 64), interpolation=cv2.INTER_AREA).astype(np.uint8)
        return small

    top, left, side = random.integers([2, 2, 95], [9, 9, 101])
    recrop = symmetry(crop(top, left, side), 3)
    assert similarities(crop(5, 5, 100)[None], np.ascontiguousarray(recrop)[None])[0] > 0.95


def test_the_best_shift_of_each_symmetry_is_named(cell: Callable[..., Pixels]) -> None:
    first = thumbnail(cell(1))
    second = np.roll(symmetry(first, 6), (4, -2), axis=(0, 1))
    shifts, scores = best_shifts(coarse(first[None]), coarse(second[None]))
    best = int(scores[0].argmax())
    np.testing.assert_array_equal(symmetry(symmetry(first, 6), best), first)
    assert (shifts.shape, scores.shape) == ((1, 8, 2), (1, 8))
    assert scores[0, best] > 0.999


@pytest.mark.parametrize(("down", "across"), [(4, -6), (-8, 2)])
def test_a_shift_tells_where_the_first_lies_in_the_second(
    cell: Callable[..., Pixels], down: int, across: int
) -> None:
    first = thumbnail(cell(1))
    second = np.roll(first, (down, across), axis=(0, 1))
    shifts, scores = best_shifts(coarse(first[None]), coarse(second[None]), 1)
    assert shifts[0, 0].tolist() == [down // 2, across // 2]
    assert scores[0, 0] > 0.99


def test_long_lists_are_compared_pair_by_pair(cell: Callable[..., Pixels]) -> None:
    pair = np.stack([thumbnail(cell(1)), thumbnail(cell(2))])
    first, second = np.repeat(pair[:1], 600, axis=0), np.repeat(pair[1:], 600, axis=0)
    second[300] = first[300]
    found = similarities(first, second)
    assert (found > 0.9).nonzero()[0].tolist() == [300]
