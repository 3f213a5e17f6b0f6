"""The corruption suite worsens pictures, repeatably and by degrees."""

import numpy as np
import pytest
from numpy.typing import NDArray

from giemsa.evaluation.corruption import FAMILIES, SEVERITIES, corrupt
from tests.evaluation.conftest import blobs


@pytest.fixture(scope="module")
def cells() -> NDArray[np.uint8]:
    return blobs(np.arange(16) % 8, size=96)


def damage(cells: NDArray[np.uint8], worse: NDArray[np.uint8]) -> float:
    return float(np.abs(cells.astype(float) - worse).mean())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_corruption_changes_every_picture_and_neither_shape_nor_input(
    cells: NDArray[np.uint8], family: str
) -> None:
    before = cells.copy()
    worse = corrupt(cells, family, 3, seed=1)
    assert worse.shape == cells.shape
    assert worse.dtype == np.uint8
    assert all((one != other).any() for one, other in zip(cells, worse, strict=True))
    np.testing.assert_array_equal(cells, before)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_higher_severity_does_more_damage(cells: NDArray[np.uint8], family: str) -> None:
    harm = [damage(cells, corrupt(cells, family, severity, seed=1)) for severity in SEVERITIES]
    assert harm[0] < harm[2] < harm[4]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_does_the_same_damage(cells: NDArray[np.uint8], family: str) -> None:
    once, twice = (corrupt(cells, family, 4, seed=7) for _ in range(2))
    np.testing.assert_array_equal(once, twice)


@pytest.mark.parametrize("family", ["motion_blur", "stain_deposit", "bubble"])
def test_another_seed_and_another_row_draw_anew(cells: NDArray[np.uint8], family: str) -> None:
    assert (corrupt(cells, family, 4, seed=7) != corrupt(cells, family, 4, seed=8)).any()
    twins = corrupt(cells[[0, 0]], family, 4, seed=7)
    assert (twins[0] != twins[1]).any()


def test_blur_and_pixelation_keep_the_mean_colour(cells: NDArray[np.uint8]) -> None:
    for family in ("pixelate", "defocus_blur", "motion_blur", "contrast_down"):
        worse = corrupt(cells, family, 5, seed=1)
        np.testing.assert_allclose(worse.mean(axis=(1, 2, 3)), cells.mean(axis=(1, 2, 3)), atol=3)


def test_light_grows_and_fades_as_named(cells: NDArray[np.uint8]) -> None:
    assert corrupt(cells, "brightness_down", 5, seed=1).mean() == pytest.approx(cells.mean() / 2, rel=0.01)
    assert corrupt(cells, "brightness_up", 1, seed=1).mean() > cells.mean()
    assert corrupt(cells, "stain_deposit", 3, seed=1).mean() < cells.mean()
    assert corrupt(cells, "bubble", 3, seed=1).mean() > cells.mean()


def test_saturation_leaves_grey_pixels_grey_and_the_brightest_channel_alone() -> None:
    grey = np.full((1, 8, 8, 3), 120, np.uint8)
    np.testing.assert_array_equal(corrupt(grey, "saturate", 5, seed=1), grey)
    pink = np.broadcast_to(np.array([200, 150, 180], np.uint8), (1, 8, 8, 3))
    red, green, blue = corrupt(pink, "saturate", 2, seed=1)[0, 0, 0]
    assert (red, green, blue) == (200, 130, 172)


def test_an_unknown_severity_is_refused(cells: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="severity must be one of"):
        corrupt(cells, "bubble", 6, seed=1)
