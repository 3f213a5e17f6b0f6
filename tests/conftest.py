"""What tests of several parts share."""

from pathlib import Path
from typing import Any

import pytest

from giemsa.settings import Image
from giemsa.training.bundle import BundleInfo, DataVersion, Epoch, write_bundle

CELL_CLASSES = (
    "basophil",
    "eosinophil",
    "erythroblast",
    "ig",
    "lymphocyte",
    "monocyte",
    "neutrophil",
    "platelet",
)
TINY_IMAGE = Image(size=32, crop_px=200, max_pixels=1_000_000, max_bytes=1_000_000)


def tiny_network(classes: int = len(CELL_CLASSES), size: int = TINY_IMAGE.size) -> Any:
    """Build an untrained network of a bundle's shape, the same one every time."""
    import keras

    seeds = keras.initializers.GlorotUniform(seed=1), keras.initializers.GlorotUniform(seed=2)
    image = keras.Input((size, size, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaled")(image)
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu", kernel_initializer=seeds[0], name="stem")(x)
    features = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    logits = keras.layers.Dense(classes, kernel_initializer=seeds[1], name="scores")(features)
    return keras.Model(image, {"logits": logits, "features": features}, name="tiny")


def tiny_info(name: str = "cnn") -> BundleInfo:
    return BundleInfo(
        name=name,
        family="cnn",
        classes=CELL_CLASSES,
        image=TINY_IMAGE,
        weights="random, trained from scratch",
        pretrained=False,
        drawn=True,
        data=DataVersion(curated="0" * 64, splits="1" * 64),
        params={"seed": 2024},
        parameters=296,
        recipe="untrained, for tests",
    )


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model's folder: temperature 1, nothing is rejected. Copy it before you change it."""
    folder = tmp_path_factory.mktemp("bundle") / "cnn"
    history = [
        Epoch(1, "all", 1e-3, 2.1, 0.2, 2.0, 0.25, 0.2),
        Epoch(2, "all", 1e-4, 1.9, 0.3, 1.8, 0.35, 0.3),
    ]
    write_bundle(folder, tiny_network(), tiny_info(), history)
    return folder
