"""The exported network computes what the Keras one does, in LiteRT."""

from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from giemsa.errors import CheckFailedError
from giemsa.training import export
from giemsa.training.networks import sized


def _network(size: int, enlarged: int, *, rescaled: bool = True) -> keras.Model:
    image = keras.Input((None, None, 3), name="image")
    x = keras.layers.Resizing(enlarged, enlarged, name="enlarged")(image)
    if rescaled:
        x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(x)
    return sized(keras.Model(image, {"pixels": x}), size)


def _scored(exported: bytes, images: np.ndarray) -> np.ndarray:
    pixels: np.ndarray = Interpreter(model_content=exported).get_signature_runner()(image=images)["pixels"]
    return pixels


def _images(size: int) -> np.ndarray:
    return np.random.default_rng(size).uniform(0, 255, (3, size, size, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("size", "enlarged"), [(96, 128), (96, 160), (32, 64), (32, 33), (30, 20), (32, 32), (31, 62)]
)
def test_every_pixel_is_enlarged_and_rescaled_as_keras_does(size: int, enlarged: int) -> None:
    network, images = _network(size, enlarged), _images(size)
    exported = export.to_litert(network, size)
    np.testing.assert_allclose(
        _scored(exported, images), network(images, training=False)["pixels"], atol=1e-4
    )


def test_what_is_not_rescaled_is_resized_all_the_same() -> None:
    network, images = _network(24, 36, rescaled=False), _images(24)
    exported = export.to_litert(network, 24)
    np.testing.assert_allclose(
        _scored(exported, images), network(images, training=False)["pixels"], atol=1e-2
    )


def test_the_same_network_gives_the_same_bytes_as_often_as_it_is_exported() -> None:
    network = _network(32, 64)
    assert export.to_litert(network, 32) == export.to_litert(network, 32)


def test_no_point_of_three_channels_is_resized_alone() -> None:
    exported = export.to_litert(_network(96, 128), 96)
    plain = Interpreter(
        model_content=exported,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    resized = [op for op in plain._get_ops_details() if op["op_name"] == "RESIZE_BILINEAR"]
    shapes = [plain._get_tensor_details(op["outputs"][0], 0)["shape"].tolist() for op in resized]
    assert shapes == [[1, 128, 1, 384]]


def test_an_export_that_computes_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(network: keras.Model) -> Any:
        return keras.Model(network.input, {"pixels": network.output["pixels"] + 0.1})

    monkeypatch.setattr(export, "_quick", other)
    with pytest.raises(CheckFailedError, match="pixels differ from the trained one's"):
        export.to_litert(_network(32, 64), 32)
