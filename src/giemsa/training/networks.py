"""The families of networks: a residual one trained from scratch, a pretrained MobileNetV3, and both together.

Every network takes RGB images in 0..255 and gives ``logits`` and the penultimate ``features``, so that
whoever scores with it needs no preprocessing of his own.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

BATCH_NORM_MOMENTUM = 0.9  # Keras's 0.99 and MobileNet's 0.999 lag behind in runs of a few thousand steps.
BLOCKS = 2
BACKBONES: dict[str, tuple[str, float]] = {
    "MobileNetV3Small-0.75": ("MobileNetV3Small", 0.75),
    "MobileNetV3Small-1.0": ("MobileNetV3Small", 1.0),
    "MobileNetV3Large-1.0": ("MobileNetV3Large", 1.0),
}


def residual_network(
    classes: int, *, widths: Sequence[int], dropout: float, size: int | None = None
) -> keras.Model:
    """Build the convolutional network that is trained from scratch.

    Stages of residual blocks (He et al., 2016), each but the first at half the resolution of the one before;
    the shortcuts pool before they project, as in ResNet-D (He et al., 2019).

    Args:
        classes: number of logits.
        widths: channels of each stage.
        dropout: share of features dropped before the last layer, 0..1.
        size: side of the input in pixels; ``None`` accepts any.
    """
    image = keras.Input((size, size, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaled")(image)
    x = _convolution(x, widths[0] // 2, "stem", stride=2)
    for stage, width in enumerate(widths, start=1):
        for block in range(1 if stage == 1 else BLOCKS):
            x = _residual(x, width, f"stage{stage}_{block + 1}", stride=2 if block == 0 else 1)
    return _with_head(image, layers.GlobalAveragePooling2D(name="pooled")(x), classes, dropout, "residual")


def mobilenet(
    classes: int, *, backbone: str, enlarged: int, dropout: float, size: int | None = None
) -> keras.Model:
    """Build MobileNetV3 (Howard et al., 2019) with one dense layer on its pooled features, weights random.

    Args:
        classes: number of logits.
        backbone: a key of ``BACKBONES``.
        enlarged: side in pixels to which the input is brought first; the backbone learnt from larger ones.
        dropout: share of features dropped before the last layer, 0..1.
        size: side of the input in pixels; ``None`` accepts any.
    """
    name, alpha = BACKBONES[backbone]
    image = keras.Input((size, size, 3), name="image")
    base = getattr(keras.applications, name)(
        input_tensor=layers.Resizing(enlarged, enlarged, name="enlarged")(image),
        alpha=alpha,
        include_top=False,
        weights=None,
        include_preprocessing=True,
    )
    for layer in base.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = BATCH_NORM_MOMENTUM
    features = layers.GlobalAveragePooling2D(name="pooled")(base.output)
    return _with_head(image, features, classes, dropout, "mobilenet")


def ensemble(
    members: Sequence[keras.Model], temperatures: Sequence[float], *, size: int | None = None
) -> keras.Model:
    """Let networks answer together: the mean of their calibrated logits, and all their features.

    That mean is the geometric one of their probabilities (Hinton, 2002, a product of experts): whom one of
    them doubts strongly, all doubt.

    Args:
        members: networks with the same classes.
        temperatures: of each member's logits, above 0.
        size: side of the input in pixels; ``None`` accepts any.
    """
    image = keras.Input((size, size, 3), name="image")
    outputs = [member(image) for member in members]
    calibrated = [
        layers.Rescaling(1 / temperature, name=f"{member.name}_calibrated")(output["logits"])
        for member, temperature, output in zip(members, temperatures, outputs, strict=True)
    ]
    features = layers.Concatenate(name="features")([output["features"] for output in outputs])
    logits = layers.Average(name="mean")(calibrated)
    return keras.Model(image, {"logits": logits, "features": features}, name="ensemble")


def multiply_adds(network: keras.Model) -> int:
    """Count the multiplications that one picture costs; the network must have been built for one size."""
    total = 0
    for layer in network.layers:
        if (kernel := getattr(layer, "kernel", None)) is not None:
            places = math.prod(layer.output.shape[1:-1])
            total += math.prod(kernel.shape) * places
    return total


def sized(network: keras.Model, size: int) -> keras.Model:
    """Give the same network, with the same weights, for images of one size: what is exported."""
    image = keras.Input((size, size, 3), name="image")
    return keras.Model(image, network(image), name=network.name)


def _with_head(image: Any, features: Any, classes: int, dropout: float, name: str) -> keras.Model:
    kept = layers.Dropout(dropout, name="dropout")(features)
    logits = layers.Dense(classes, name="scores")(kept)
    return keras.Model(image, {"logits": logits, "features": features}, name=name)


def _residual(x: Any, width: int, name: str, *, stride: int) -> Any:
    y = _convolution(x, width, f"{name}_a", stride=stride)
    y = _convolution(y, width, f"{name}_b", activation=None)
    if stride > 1:
        x = layers.AveragePooling2D(stride, padding="same", name=f"{name}_pool")(x)
    if x.shape[-1] != width:
        x = _convolution(x, width, f"{name}_shortcut", kernel=1, activation=None)
    return layers.ReLU(name=name)(layers.Add(name=f"{name}_sum")([x, y]))


def _convolution(
    x: Any,
    width: int,
    name: str,
    *,
    kernel: int = 3,
    stride: int = 1,
    activation: str | None = "relu",
) -> Any:
    x = layers.Conv2D(
        width,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_convolution",
    )(x)
    x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_norm")(x)
    return x if activation is None else layers.Activation(activation, name=f"{name}_{activation}")(x)
