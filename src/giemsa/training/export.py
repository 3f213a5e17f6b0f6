"""Export networks for LiteRT, in the form that it computes fastest."""

import math
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from giemsa.errors import CheckFailedError
from giemsa.training.silence import silence

TOLERANCE = 1e-3
LONGEST = 8  # points that one step of the convolution below gives; beyond, plain resizing costs less


def to_litert(network: keras.Model, size: int) -> bytes:
    """Export a network.

    Args:
        network: from images ``image``, shape ``(n, size, size, 3)``, to a dictionary of arrays.
        size: side of its images in pixels.

    Raises:
        CheckFailedError: if the exported network does not compute what the Keras one does.
    """
    import tensorflow as tf

    with silence():
        exported: bytes = tf.lite.TFLiteConverter.from_keras_model(_quick(network)).convert()
    _check(network, exported, size)
    return exported


def _quick(network: keras.Model) -> keras.Model:
    """Give the same network with each enlargement, and a rescaling right behind it, as one ``_Enlarging``."""
    # By identity, which holds as long as the tensor itself is kept.
    enlarged: dict[int, tuple[Any, Any, Any]] = {}

    def call(layer: Any, *images: Any, **given: Any) -> Any:
        if isinstance(layer, layers.Resizing):
            result = _Enlarging(layer.name, layer.height)(images[0])
            enlarged[id(result)] = result, layer, images[0]
            return result
        if isinstance(layer, layers.Rescaling) and id(images[0]) in enlarged:
            _, before, image = enlarged[id(images[0])]
            return _Enlarging(before.name, before.height, layer.scale, layer.offset)(image)
        return layer(*images, **given)

    return keras.models.clone_model(
        network, clone_function=lambda layer: layer, call_function=call, recursive=True
    )


class _Enlarging(layers.Layer):  # type: ignore[misc]
    """Resize to a square, bilinearly, and rescale: what two layers of Keras do, in fewer steps of LiteRT.

    LiteRT's resizing takes one point after the other and computes its channels at once: three are too few
    for it. So a convolution resizes along the rows and rescales, and along the columns whole rows are
    resized as if each were one point of many channels.
    """

    def __init__(self, name: str, side: int, scale: float = 1.0, offset: float = 0.0) -> None:
        super().__init__(name=name)  # else Keras counts them, and every export of a process has other bytes
        self._side, self._scale, self._offset = side, scale, offset

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape[0], self._side, self._side, shape[3]

    def call(self, image: Any) -> Any:
        _, height, width, channels = image.shape
        step = width // math.gcd(width, self._side)
        if step * self._side // width > LONGEST:
            return ops.image.resize(image, (self._side, self._side)) * self._scale + self._offset
        kernel = _along_rows(step, step * self._side // width, channels)
        bordered = ops.concatenate([image[:, :, :1], image, image[:, :, -1:]], axis=2)
        rows = ops.conv(bordered, kernel * self._scale, (1, step), "valid") + self._offset
        rows = ops.reshape(rows, (-1, height, 1, self._side * channels))
        return ops.reshape(ops.image.resize(rows, (self._side, 1)), (-1, self._side, self._side, channels))


def _along_rows(step: int, points: int, channels: int) -> NDArray[np.float32]:
    """Give the kernel that makes ``points`` out of ``step`` pixels, with half-pixel centres.

    Returns:
        Shape ``(1, step + 2, channels, points * channels)``: a pixel more on either side.
    """
    kernel = np.zeros((1, step + 2, channels, points, channels), np.float32)
    for point in range(points):
        place = (point + 0.5) * step / points + 0.5
        left, share = int(place), place % 1
        for channel in range(channels):
            kernel[0, left, channel, point, channel] += 1 - share
            kernel[0, left + 1, channel, point, channel] += share
    return kernel.reshape(1, step + 2, channels, points * channels)


def _check(network: keras.Model, exported: bytes, size: int) -> None:
    from ai_edge_litert.interpreter import Interpreter

    images = np.random.default_rng(0).uniform(0, 255, (2, size, size, 3)).astype(np.float32)
    with silence():
        scored = Interpreter(model_content=exported).get_signature_runner()(image=images)
    for name, expected in network(images, training=False).items():
        if not np.allclose(scored[name], expected, rtol=TOLERANCE, atol=TOLERANCE):
            message = (
                f"The exported network's {name} differ from the trained one's: report it, do not use it."
            )
            raise CheckFailedError(message)
