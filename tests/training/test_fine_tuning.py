"""Fine-tuning: pretrained layers arrive, the head learns on what the frozen base sees."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

from giemsa.errors import UsageError
from giemsa.settings import FineTune, Fitting
from giemsa.training import fine_tuning, weights
from giemsa.training.fine_tuning import fit_head, freeze, pretrain
from giemsa.training.learner import predict
from giemsa.training.networks import mobilenet
from tests.training.conftest import coloured_cells, small_network

if TYPE_CHECKING:
    from giemsa.training.bundle import Epoch

NAME: Final = "MobileNetV3Small-0.75"
TRAIN, VALIDATION = coloured_cells(96, seed=1), coloured_cells(48, seed=2)


@pytest.fixture(scope="module")
def network() -> Any:
    return mobilenet(3, backbone=NAME, enlarged=32, dropout=0.1)


@pytest.fixture
def fine_tune(settings: Fitting) -> FineTune:
    return FineTune(
        **settings.model_dump(),
        backbone=NAME,
        enlarged_px=32,
        weights="imagenet",
        head_epochs=4,
        head_learning_rate=0.05,
        frozen_layers=0,
    )


def test_a_networks_backbone_gets_the_weights_of_the_file(
    network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = fine_tuning._backbone(NAME, None)
    base.save_weights(tmp_path / "any.weights.h5")
    known = hashlib.sha256((tmp_path / "any.weights.h5").read_bytes()).hexdigest()
    monkeypatch.setattr(weights, "KNOWN", {NAME: frozenset({known})})
    assert pretrain(network, NAME, tmp_path).pretrained
    for layer in (layer for layer in base.layers if layer.weights):
        for value, expected in zip(
            network.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True
        ):
            assert np.array_equal(value, expected), layer.name
    still = {weight.path for weight in network.non_trainable_variables}
    assert all(weight.path in still for weight in network.variables if weight.path.endswith("gamma"))


def test_no_weights_to_be_had_is_a_wrong_use(
    network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(_: str, source: str | None) -> Any:
        if source:
            raise OSError
        return small_network()

    monkeypatch.setattr(fine_tuning, "_backbone", offline)
    monkeypatch.delenv(weights.FOLDER_VARIABLE, raising=False)
    with pytest.raises(UsageError, match=r"set fine_tune\.weights to none"):
        pretrain(network, NAME, tmp_path)


def test_the_head_learns_and_the_base_stays(fine_tune: FineTune) -> None:
    told: list[Epoch] = []
    taught = small_network()
    before = {weight.path: weight.numpy() for weight in taught.variables}
    history = fit_head(taught, TRAIN, VALIDATION, fine_tune, told.append)
    assert history == told
    assert [(epoch.epoch, epoch.phase) for epoch in history] == [(n, "head") for n in range(1, 5)]
    assert history[-1].val_loss < history[0].val_loss
    changed = {
        weight.path for weight in taught.variables if not np.array_equal(weight.numpy(), before[weight.path])
    }
    assert changed == {"scores/kernel", "scores/bias"}
    accuracy = (predict(taught, VALIDATION.views).argmax(axis=1) == VALIDATION.labels).mean()
    assert accuracy == pytest.approx(history[-1].val_accuracy)


def test_frozen_layers_are_counted_from_the_input() -> None:
    network = small_network()
    everything = len(network.trainable_variables)
    freeze(network, 4)
    assert 0 < len(network.trainable_variables) < everything
    assert network.trainable_variables[-1].path == "scores/bias"


def test_freezing_everything_is_one_sentence() -> None:
    network = small_network()
    with pytest.raises(UsageError, match="frozen_layers is 99"):
        freeze(network, 99)
