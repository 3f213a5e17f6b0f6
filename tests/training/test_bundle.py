"""A bundle is read back as it was written, byte for byte the same each time."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from giemsa.errors import UsageError
from giemsa.settings import Image
from giemsa.training import bundle
from giemsa.training.bundle import BundleInfo, DataVersion, Epoch

IMAGE = Image(size=32, crop_px=200, max_pixels=1_000, max_bytes=1_000)
INFO = BundleInfo(
    name="cnn",
    family="cnn",
    classes=("ig", "platelet"),
    image=IMAGE,
    weights="random, trained from scratch",
    pretrained=False,
    drawn=True,
    data=DataVersion(curated="ab", splits="cd"),
    params={"widths": [8], "learning_rate": 4e-3},
    parameters=1,
    recipe="none",
)
HISTORY = [
    Epoch(1, "all", 0.001, 2.5, 0.125, 2.25, 0.25, 0.2),
    Epoch(2, "all", 0.0005, 1.5, 0.5, 1.25, 0.75, 0.7),
]


def _network() -> keras.Model:
    keras.utils.set_random_seed(1)
    image = keras.Input((32, 32, 3), name="image")
    x = keras.layers.Conv2D(4, 3, strides=4, name="stem")(
        keras.layers.Rescaling(1 / 255, name="scale")(image)
    )
    features = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    logits = keras.layers.Dense(2, name="scores")(features)
    return keras.Model(image, {"logits": logits, "features": features}, name="tiny")


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_bundle_reads_back_as_it_was_written(tmp_path: Path) -> None:
    bundle.write_bundle(tmp_path, _network(), INFO, HISTORY)
    assert bundle.read_info(tmp_path) == INFO
    assert bundle.read_history(tmp_path) == HISTORY
    assert sorted(_files(tmp_path)) == ["bundle.json", "history.csv", "network.keras", "network.tflite"]


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        bundle.write_bundle(tmp_path / name, _network(), INFO, HISTORY)
    assert _files(tmp_path / "first") == _files(tmp_path / "second")


def test_no_memory_address_and_no_date_is_kept() -> None:
    text = (
        '{"a": {"shared_object_id": 14039}, "b": {"shared_object_id": 99}, "c": {"shared_object_id": 14039}}'
    )
    assert bundle._reproducible(text) == (
        '{"a": {"shared_object_id": 1}, "b": {"shared_object_id": 2}, "c": {"shared_object_id": 1}}'
    )
    assert (
        bundle._reproducible('{"keras_version": "3", "date_saved": "2026-01-01"}') == '{"keras_version": "3"}'
    )


def test_litert_and_keras_agree_and_litert_repeats_itself(tiny_bundle: Path) -> None:
    images = np.random.default_rng(3).uniform(0, 255, (5, 32, 32, 3)).astype(np.float32)
    run = Interpreter(model_path=str(tiny_bundle / "network.tflite")).get_signature_runner()
    scored, again = run(image=images), run(image=images)
    expected = bundle.load_network(tiny_bundle)(images, training=False)
    for name in ("logits", "features"):
        np.testing.assert_allclose(scored[name], expected[name], atol=1e-4)
        assert np.array_equal(scored[name], again[name])


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no trained model"):
        bundle.read_info(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", '{"format": 2}', "not json"])
def test_facts_that_cannot_be_understood_are_named(tiny_bundle: Path, tmp_path: Path, content: str) -> None:
    folder = tmp_path / "cnn"
    shutil.copytree(tiny_bundle, folder)
    (folder / "bundle.json").write_text(content)
    with pytest.raises(UsageError, match=r"bundle\.json cannot be read"):
        bundle.read_info(folder)


def test_facts_can_be_written_again(tmp_path: Path) -> None:
    changed = INFO.model_copy(update={"temperature": 1.5, "rejection": {"energy": -3.0}})
    bundle.write_info(tmp_path, changed)
    assert bundle.read_info(tmp_path) == changed
