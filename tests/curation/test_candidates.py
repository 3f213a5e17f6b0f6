from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from giemsa.curation import candidates
from giemsa.curation.candidates import Pairs, Prints, propose
from giemsa.curation.hashing import symmetry
from giemsa.curation.measuring import Measurements
from giemsa.settings import Image

Pixels = NDArray[np.uint8]
IMAGE = Image(size=96, crop_px=200, max_pixels=1_000_000, max_bytes=1_000_000)


def prints(*pictures: Pixels) -> Prints:
    measurements = Measurements(None, IMAGE)
    keys = [str(number) for number in range(len(pictures))]
    rows = list(measurements.measure(zip(keys, map(np.ascontiguousarray, pictures), strict=True)))
    return Prints(
        whole=np.array([row["dhash"] for row in rows], np.uint64),
        views=np.array([row["view_hashes"] for row in rows], np.uint64),
        spectra=measurements.views("spectra", keys),
    )


def told(pairs: Pairs) -> set[tuple[int, int]]:
    return set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))


def test_copies_of_every_kind_are_proposed_among_other_cells(cell: Callable[..., Pixels]) -> None:
    large = cell(0, 106)
    first, shifted = large[5:101, 5:101], large[0:96, 10:106]
    small = cv2.resize(first, (48, 48), interpolation=cv2.INTER_AREA)
    others = [cell(seed) for seed in range(1, 30)]
    pairs = told(
        propose(prints(first, shifted, small, symmetry(first, 5), *others), max_distance=8, symmetries=True)
    )
    assert {(0, 1), (0, 2), (0, 3)} <= pairs


def test_most_other_pairs_are_not_proposed(cell: Callable[..., Pixels]) -> None:
    pairs = propose(prints(*(cell(seed) for seed in range(40))), max_distance=8, symmetries=True)
    assert len(pairs.left) < 40 * 39 / 2 / 4


def test_a_pair_comes_once_with_left_below_right(cell: Callable[..., Pixels]) -> None:
    pictures = [cell(1), cell(1) // 2 + 60, cell(2)]
    pairs = propose(prints(*pictures), max_distance=8, symmetries=True)
    assert (pairs.left < pairs.right).all()
    seen = list(zip(pairs.left, pairs.right, pairs.left_view, pairs.right_view, strict=True))
    assert len(seen) == len(set(seen))


def test_a_native_picture_meets_its_ready_centre(cell: Callable[..., Pixels]) -> None:
    native = cv2.copyMakeBorder(cell(1, 200), 80, 80, 80, 80, cv2.BORDER_REFLECT)
    centre = cv2.resize(cell(1, 200), (96, 96), interpolation=cv2.INTER_AREA)
    pairs = propose(
        prints(native, centre, *(cell(seed) for seed in range(2, 30))), max_distance=8, symmetries=True
    )
    views = {(left, right): (a, b) for left, right, a, b in zip(*vars(pairs).values(), strict=True)}
    assert views[0, 1] == (1, 0)


def test_a_hundred_pictures_of_one_hash_are_compared_with_their_first_only() -> None:
    equal = np.zeros((100, 1), np.uint64)
    pairs = candidates._by_hash(equal[:, 0], equal, 8, 0, None)
    assert len(np.unique(pairs, axis=0)) == 99


def test_nothing_is_proposed_of_one_picture(cell: Callable[..., Pixels]) -> None:
    assert told(propose(prints(cell(1)), max_distance=8, symmetries=True)) == set()
