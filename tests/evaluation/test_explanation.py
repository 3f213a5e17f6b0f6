"""Grad-CAM looks where the evidence is."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from giemsa.evaluation.explanation import heat, overlay
from giemsa.training.bundle import load_network
from giemsa.training.networks import ensemble


def brightness_seeker(name: str) -> Any:
    """Give an untrained network whose first class speaks for bright pixels and whose second for none."""
    image = keras.Input((32, 32, 3), name="image")
    bright = keras.layers.Conv2D(1, 4, strides=4, use_bias=False, kernel_initializer="ones", name="seen")(
        image
    )
    features = keras.layers.GlobalAveragePooling2D()(bright)
    logits = keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant(np.array([[1.0, -1.0]])))
    return keras.Model(image, {"logits": logits(features), "features": features}, name=name)


@pytest.fixture(scope="module")
def brightness_finder() -> Any:
    return brightness_seeker("finder")


@pytest.fixture
def bright_corner() -> NDArray[np.uint8]:
    view = np.zeros((1, 32, 32, 3), np.uint8)
    view[:, :12, :12] = 250
    return view


def test_the_heat_lies_on_what_speaks_for_the_class(
    brightness_finder: Any, bright_corner: NDArray[np.uint8]
) -> None:
    (warmth,) = heat(brightness_finder, bright_corner, np.array([0]))
    assert warmth.shape == (32, 32)
    assert warmth.max() == 1
    assert warmth[:8, :8].mean() > 0.9
    assert warmth[20:, 20:].max() < 0.1


def test_a_class_that_nothing_speaks_for_stays_cold(
    brightness_finder: Any, bright_corner: NDArray[np.uint8]
) -> None:
    assert heat(brightness_finder, bright_corner, np.array([1])).max() == 0


def test_a_network_that_another_one_fixes_in_size_is_explained_alike(
    brightness_finder: Any, bright_corner: NDArray[np.uint8]
) -> None:
    image = keras.Input((32, 32, 3), name="image")
    wrapped = keras.Model(image, brightness_finder(image))
    plain, inside = (heat(each, bright_corner, np.array([0])) for each in (brightness_finder, wrapped))
    np.testing.assert_array_equal(plain, inside)


def test_an_ensemble_shows_where_all_its_members_looked(bright_corner: NDArray[np.uint8]) -> None:
    members = [brightness_seeker("first"), brightness_seeker("second")]
    alone = heat(members[0], bright_corner, np.array([0]))
    together = heat(ensemble(members, [1.0, 2.0], size=32), bright_corner, np.array([0]))
    np.testing.assert_allclose(together, alone, atol=1e-6)
    members[1].get_layer("seen").set_weights([-members[1].get_layer("seen").get_weights()[0]])
    assert heat(members[1], bright_corner, np.array([0])).max() == 0
    half = heat(ensemble(members, [1.0, 2.0], size=32), bright_corner, np.array([0]))
    np.testing.assert_allclose(half, alone, atol=1e-6)


def test_a_saved_network_is_explained_the_same_way_twice(
    tiny_bundle: Path, views: NDArray[np.uint8], labels: NDArray[np.int64]
) -> None:
    once, again = (heat(load_network(tiny_bundle), views, labels) for _ in range(2))
    assert once.shape == views.shape[:3]
    assert once.min() >= 0
    np.testing.assert_array_equal(once, again)


def test_an_overlay_brightens_hot_parts_only() -> None:
    warmth = np.zeros((32, 32), np.float32)
    warmth[:16] = 1
    shown = overlay(np.full((32, 32, 3), 128, np.uint8), warmth)
    assert shown.dtype == np.uint8
    assert shown[:16].mean() > 128 > shown[16:].mean()
