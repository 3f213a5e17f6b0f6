from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from giemsa.curation.hashing import symmetry
from giemsa.curation.registration import best_poses, halved, similarities

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


def test_a_cell_turned_by_an_angle_is_not_a_copy(cell: Callable[..., Pixels]) -> None:
    turn = cv2.getRotationMatrix2D((48, 48), 20, 1)
    turned = cv2.warpAffine(cell(1), turn, (96, 96), borderMode=cv2.BORDER_REFLECT)
    assert similarity(cell(1), turned) == 0


def test_flat_pictures_have_nothing_to_compare() -> None:
    assert similarity(np.full((64, 64, 3), 9, np.uint8), np.full((64, 64, 3), 200, np.uint8)) == 0


def test_the_best_pose_names_symmetry_and_shift(cell: Callable[..., Pixels]) -> None:
    first = thumbnail(cell(1))
    second = np.roll(symmetry(first, 6), (4, -2), axis=(0, 1))
    poses, scores = best_poses(halved(first[None]), halved(second[None]))
    np.testing.assert_array_equal(symmetry(symmetry(first, 6), int(poses[0, 0])), first)
    assert scores[0] > 0.97


def test_long_lists_are_compared_pair_by_pair(cell: Callable[..., Pixels]) -> None:
    pair = np.stack([thumbnail(cell(1)), thumbnail(cell(2))])
    first, second = np.repeat(pair[:1], 600, axis=0), np.repeat(pair[1:], 600, axis=0)
    second[300] = first[300]
    found = similarities(first, second)
    assert (found > 0.9).nonzero()[0].tolist() == [300]
