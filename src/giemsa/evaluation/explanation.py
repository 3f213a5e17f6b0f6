"""Where a network looked: Grad-CAM."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

MAP_DIMENSIONS = 4


def heat(network: Any, views: NDArray[np.uint8], classes: NDArray[np.integer]) -> NDArray[np.float32]:
    """Show which parts of each view speak for a class (Selvaraju et al. 2017, Grad-CAM).

    Of an ensemble, the members' maps are averaged, each scaled to its hottest part.

    Args:
        network: a bundle's Keras network, see ``training.bundle.load_network``.
        views: shape ``(n, size, size, 3)``, RGB.
        classes: the class to explain for each view, shape ``(n,)``.

    Returns:
        Heat in 0..1, shape ``(n, size, size)``; each view's hottest part is 1, unless nothing speaks for
        the class.
    """
    members = [_heat(member, views, classes) for member in _members(network)]
    return _to_one(np.mean(members, axis=0))


def overlay(view: NDArray[np.uint8], warmth: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Lay heat, shape ``(size, size)`` in 0..1, over a view: cold parts darken, hot ones turn yellow."""
    colours = cv2.applyColorMap((warmth * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    blended = 0.55 * view.astype(np.float32) + 0.45 * np.asarray(colours)[..., ::-1]
    mixed: NDArray[np.float32] = np.rint(blended)
    return mixed.astype(np.uint8)


def _heat(network: Any, views: NDArray[np.uint8], classes: NDArray[np.integer]) -> NDArray[np.float32]:
    maps, pull = _maps_and_gradients(network, views, classes)
    weights = pull.mean(axis=(1, 2), keepdims=True)
    size = views.shape[1]
    coarse = _to_one(np.maximum((maps * weights).sum(axis=3), 0))
    smooth = np.empty(views.shape[:3], np.float32)
    for row, each in enumerate(coarse):
        smooth[row] = cv2.resize(each, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth, 0, 1)


def _to_one(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = heat / np.maximum(heat.max(axis=(1, 2), keepdims=True), 1e-12)
    return scaled


def _maps_and_gradients(
    network: Any, views: NDArray[np.uint8], classes: NDArray[np.integer]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    import keras
    import tensorflow as tf

    pooled = next(layer for layer in network.layers if len(layer.output.shape) < MAP_DIMENSIONS)
    looking = keras.Model(network.inputs, [pooled.input, network.output["logits"]])
    with tf.GradientTape() as tape:
        maps, logits = looking(tf.constant(views, tf.float32), training=False)
        chosen = tf.gather(logits, tf.constant(classes, tf.int32), axis=1, batch_dims=1)
    return maps.numpy(), tape.gradient(chosen, maps).numpy()


def _members(network: Any) -> list[Any]:
    """Give the networks themselves where another merely fixes their input's size or averages them."""
    inner = [layer for layer in network.layers if isinstance(getattr(layer, "output", None), dict)]
    return [member for each in inner for member in _members(each)] or [network]
