"""Pretrained weights are found by what they hold, never by their name."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from giemsa.errors import UsageError
from giemsa.training import weights
from giemsa.training.weights import FOLDER_VARIABLE, find_weights, load_pretrained

NAME = "MobileNetV3Small-0.75"


def _backbone(seed: int) -> Any:
    import keras

    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="base")])


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "elsewhere" / "whatever.weights.h5"
    path.parent.mkdir()
    _backbone(5).save_weights(path)
    monkeypatch.setattr(weights, "KNOWN", {NAME: frozenset({hashlib.sha256(path.read_bytes()).hexdigest()})})
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    return path


def _offline() -> Any:
    raise OSError


def test_known_weights_are_found_in_the_project(file: Path) -> None:
    base = _backbone(1)
    origin = load_pretrained(base, NAME, file.parent, download=_offline)
    assert origin.pretrained
    assert origin.sentence.startswith("ImageNet (sha256 ")
    assert np.array_equal(base.get_weights()[0], _backbone(5).get_weights()[0])


def test_the_folder_that_the_environment_names_is_looked_in_too(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_weights(NAME, tmp_path / "weights") is None
    monkeypatch.setenv(FOLDER_VARIABLE, str(file.parent))
    assert find_weights(NAME, tmp_path / "weights") == file


def test_a_changed_file_is_not_taken(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"0")
    assert find_weights(NAME, file.parent) is None


def test_another_backbones_weights_are_not_taken(file: Path) -> None:
    assert find_weights("MobileNetV3Large-1.0", file.parent) is None


def test_without_a_file_they_are_downloaded(tmp_path: Path) -> None:
    base = _backbone(1)
    origin = load_pretrained(base, NAME, tmp_path, download=lambda: _backbone(5))
    assert origin.sentence == "ImageNet (downloaded by Keras)"
    assert np.array_equal(base.get_weights()[0], _backbone(5).get_weights()[0])


def test_none_to_be_had_is_one_sentence_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"put it there, or set fine_tune\.weights to none"):
        load_pretrained(_backbone(1), NAME, tmp_path, download=_offline)
