from collections.abc import Callable

import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from giemsa.curation.measuring import Measurements
from giemsa.curation.nearest import nearest
from giemsa.curation.oddities import NEIGHBOURS, UNLIKE, isolation, oddities, strangeness
from giemsa.data.manifest import PROPERTIES
from giemsa.settings import Image, Validate

Pixels = NDArray[np.uint8]
IMAGE = Image(size=96, crop_px=200, max_pixels=1_000_000, max_bytes=1_000_000)
LIMITS = Validate(
    min_classes=2,
    min_per_class=10,
    max_imbalance=50,
    min_side_px=24,
    max_unreadable=0.2,
    brightness=(0.1, 0.98),
    sharpness_min=0.00005,
    max_outside=0.05,
    critical=(),
)


def measured(*pictures: Pixels) -> tuple[pd.DataFrame, NDArray[np.uint8]]:
    measurements = Measurements(None, IMAGE)
    keys = [str(number) for number in range(len(pictures))]
    rows = list(measurements.measure(zip(keys, pictures, strict=True)))
    return pd.DataFrame(rows).assign(path=keys), measurements.views("spectra", keys)[:, 0]


def issues(*pictures: Pixels) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for oddity in oddities(*measured(*pictures), LIMITS):
        told.setdefault(oddity.path, []).append(oddity.issue)
    return told


def test_an_ordinary_cell_is_not_odd(cell: Callable[..., Pixels]) -> None:
    assert issues(cell(1), cell(2)) == {}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda pixels: pixels * 0 + 120, ["nearly constant"]),
        (lambda pixels: pixels // 11, ["nearly constant", "too dark"]),
        (lambda pixels: 255 - pixels // 80, ["nearly constant", "too bright"]),
        (lambda pixels: cv2.GaussianBlur(pixels, (0, 0), 12), ["blurred"]),
        (lambda pixels: pixels[::5, ::5], ["too small"]),
        (lambda pixels: pixels[:40], ["long and narrow"]),
    ],
)
def test_each_fault_is_named(
    cell: Callable[..., Pixels], change: Callable[[Pixels], Pixels], expected: list[str]
) -> None:
    picture = np.ascontiguousarray(change(cell(1)).astype(np.uint8))
    assert issues(cell(2), picture)["1"] == expected


def test_a_picture_of_something_else_is_unlike_all_cells(cell: Callable[..., Pixels]) -> None:
    stripes = np.zeros((96, 96, 3), np.uint8)
    stripes[::6] = stripes[1::6] = (0, 255, 0)
    cells = [cell(seed) for seed in range(120)]
    table, spectra = measured(*cells, stripes)
    distances = strangeness(table, spectra)
    assert distances.argmax() == 120
    assert [oddity.path for oddity in oddities(table, spectra, LIMITS)] == ["120"]
    assert np.median(distances) == pytest.approx(1, abs=0.05)


def test_many_copies_do_not_make_a_picture_usual(cell: Callable[..., Pixels]) -> None:
    stripes = np.zeros((96, 96, 3), np.uint8)
    stripes[::6] = stripes[1::6] = (0, 255, 0)
    table, spectra = measured(*(cell(seed) for seed in range(120)), *[stripes] * 30)
    assert (strangeness(table, spectra)[-30:] > 4.5).all()


def test_among_few_images_nothing_is_usual(cell: Callable[..., Pixels]) -> None:
    table, spectra = measured(*(cell(seed) for seed in range(5)))
    assert strangeness(table, spectra).tolist() == [1] * 5


def test_nothing_is_odd_among_nothing() -> None:
    columns = ("path", "pixel_hash", "width", "height", *PROPERTIES)
    assert oddities(pd.DataFrame({name: [] for name in columns}), np.empty((0, 171), np.uint8), LIMITS) == []


def test_who_stands_alone_among_many_is_told_exactly() -> None:
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(900, 12)).astype(np.float32)
    vectors[rng.permutation(900)[:9]] *= 6
    exact = nearest(vectors, NEIGHBOURS)[1].mean(axis=1)
    found = isolation(vectors, UNLIKE, 300)
    sample = np.unique(np.linspace(0, 899, 300).astype(int))
    usual = np.median(exact[sample])
    alone = exact / usual > UNLIKE
    assert alone.sum() == 9
    assert np.array_equal(found > UNLIKE, alone)
    np.testing.assert_allclose(found[alone], exact[alone] / usual, rtol=1e-5)
    assert (found >= exact / usual * (1 - 1e-5)).all()


def test_few_are_all_compared_with_all() -> None:
    vectors = np.random.default_rng(6).normal(size=(300, 12)).astype(np.float32)
    exact = nearest(vectors, NEIGHBOURS)[1].mean(axis=1)
    np.testing.assert_allclose(isolation(vectors, UNLIKE, 1000), exact / np.median(exact), rtol=1e-5)
