import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from giemsa.curation.duplicates import Copies, find_copies
from giemsa.curation.hashing import symmetry
from giemsa.curation.measuring import Measurements
from giemsa.settings import Deduplicate, Image

Pixels = NDArray[np.uint8]
IMAGE = Image(size=96, crop_px=200, max_pixels=1_000_000, max_bytes=1_000_000)
SETTINGS = Deduplicate(max_distance=8, min_similarity=0.9, symmetries=True, junk_copies=10)


def copies(*pictures: Pixels, settings: Deduplicate = SETTINGS) -> Copies:
    measurements = Measurements(None, IMAGE)
    keys = [hashlib.sha256(pixels.tobytes() + repr(pixels.shape).encode()).hexdigest() for pixels in pictures]
    rows = list(measurements.measure(zip(keys, pictures, strict=True)))
    return find_copies(pd.DataFrame(rows).assign(sha256=keys), measurements.views, settings)


@pytest.fixture
def others(cell: Callable[..., Pixels]) -> list[Pixels]:
    return [cell(seed) for seed in range(100, 120)]


def test_copies_are_found_and_other_cells_stay_alone(
    cell: Callable[..., Pixels], others: list[Pixels]
) -> None:
    large = cell(1, 106)
    first = np.ascontiguousarray(large[5:101, 5:101])
    shifted = np.ascontiguousarray(large[0:96, 9:105])
    turned = np.ascontiguousarray(symmetry(first, 6))
    bright = np.clip(first * 1.08, 0, 255).astype(np.uint8)
    found = copies(first, *others, shifted, turned, bright, first.copy())
    assert found.group.tolist() == [0, *range(1, 21), 0, 0, 0, 0]
    assert all(value >= 0.9 for value in found.similarity.values())


def test_turned_copies_stay_alone_where_symmetries_do_not_count(
    cell: Callable[..., Pixels], others: list[Pixels]
) -> None:
    turned = np.ascontiguousarray(symmetry(cell(1), 6))
    settings = SETTINGS.model_copy(update={"symmetries": False})
    assert copies(cell(1), turned, *others, settings=settings).group[:2].tolist() == [0, 1]


def test_a_thousand_equal_pictures_are_one_group_at_once(cell: Callable[..., Pixels]) -> None:
    found = copies(*[cell(1)] * 1600, cell(2))
    assert found.group.tolist() == [0] * 1600 + [1]


def test_a_native_picture_and_its_ready_centre_are_copies(
    cell: Callable[..., Pixels], others: list[Pixels]
) -> None:
    native = cv2.copyMakeBorder(cell(1, 200), 80, 80, 80, 80, cv2.BORDER_REFLECT)
    centre = cv2.resize(cell(1, 200), (96, 96), interpolation=cv2.INTER_AREA)
    assert copies(native, centre, *others).group[:2].tolist() == [0, 0]


def test_the_order_of_images_does_not_change_who_belongs_together(
    cell: Callable[..., Pixels], others: list[Pixels]
) -> None:
    pictures = [cell(1), cell(1) // 2 + 60, cell(2), cell(2)[:, ::-1].copy(), *others]
    forward, backward = copies(*pictures).group, copies(*pictures[::-1]).group[::-1]
    np.testing.assert_array_equal(forward[:, None] == forward, backward[:, None] == backward)


@pytest.mark.parametrize("count", [0, 1])
def test_few_images_are_no_copies(cell: Callable[..., Pixels], count: int) -> None:
    if count == 0:
        empty = pd.DataFrame({name: [] for name in ("sha256", "pixel_hash", "dhash", "view_hashes")})
        found = find_copies(empty, Measurements(None, IMAGE).views, SETTINGS)
    else:
        found = copies(cell(1))
    assert found.group.tolist() == list(range(count))


def test_flat_pictures_of_different_grey_are_not_one() -> None:
    flat = [np.full((96, 96, 3), level, np.uint8) for level in (10, 90, 170, 250)]
    assert copies(*flat).group.tolist() == [0, 1, 2, 3]


def test_pictures_that_come_and_go_are_judged_as_if_all_had_come_at_once(
    cell: Callable[..., Pixels], tmp_path: Path
) -> None:
    large = cell(1, 106)
    pictures = [np.ascontiguousarray(large[a : a + 96, 5:101]) for a in (0, 5, 10)]
    pictures += [cell(seed) for seed in range(100, 130)]
    measurements = Measurements(tmp_path, IMAGE)
    keys = [hashlib.sha256(pixels.tobytes()).hexdigest() for pixels in pictures]
    rows = list(measurements.measure(zip(keys, pictures, strict=True)))
    images = pd.DataFrame(rows).assign(sha256=keys)
    for there in (range(1, 20), range(25), [0, *range(2, 33)]):
        some = images.iloc[list(there)].reset_index(drop=True)
        grown = find_copies(some, measurements.views, SETTINGS, measurements.memory)
        fresh = find_copies(some, measurements.views, SETTINGS)
        assert grown.group.tolist() == fresh.group.tolist()
        assert grown.similarity == fresh.similarity
        assert fresh.similarity
