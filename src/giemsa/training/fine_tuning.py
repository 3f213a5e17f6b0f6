"""Fine-tune a pretrained backbone: its head alone on what the frozen base sees, then its layers too."""

from pathlib import Path
from typing import Any

import numpy as np

from giemsa.errors import UsageError
from giemsa.settings import FineTune
from giemsa.training.batches import Labelled
from giemsa.training.bundle import Epoch
from giemsa.training.fitting import OnEpoch, class_weights, validation_scores
from giemsa.training.learner import predict
from giemsa.training.networks import BACKBONES
from giemsa.training.weights import Origin, load_pretrained

HEAD_BATCH = 64
BACKBONE_SIZE = 96


def pretrain(network: Any, backbone: str, folder: Path) -> Origin:
    """Give the backbone inside ``network`` its ImageNet weights, and hold its batch normalisation still.

    Such weights may carry batch normalisation folded into the convolutions: its statistics are then not those
    of any data, and training it would first undo what was learnt.

    Raises:
        UsageError: if there are none to be had.
    """
    import keras

    base = _backbone(backbone, None)
    origin = load_pretrained(base, backbone, folder, download=lambda: _backbone(backbone, "imagenet"))
    known = {layer.name: layer for layer in base.layers if layer.weights}
    for layer in network.layers:
        if layer.name in known:
            layer.set_weights(known[layer.name].get_weights())
            layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    return origin


def freeze(network: Any, layers: int) -> None:
    """Keep the first ``layers`` layers as they are.

    Raises:
        UsageError: if none is left to train.
    """
    if layers >= len(network.layers):
        message = (
            f"fine_tune.frozen_layers is {layers}, but the network has {len(network.layers)} layers in all."
        )
        raise UsageError(message)
    for layer in network.layers[:layers]:
        layer.trainable = False


def fit_head(
    network: Any,
    train: Labelled,
    validation: Labelled,
    settings: FineTune,
    on_epoch: OnEpoch,
) -> list[Epoch]:
    """Train the last layer alone; what the frozen base makes of each cell is computed once.

    Args:
        network: as ``networks.mobilenet`` builds it; its layer ``scores`` is trained in place.
        train: what the head learns from, unaugmented.
        validation: what each epoch is scored on.
        settings: epochs, learning rate, label smoothing and class weights.
        on_epoch: called after each epoch.
    """
    import keras

    features = predict(network, train.views, "features")
    unseen = predict(network, validation.views, "features")
    head = keras.Sequential(
        [keras.Input(features.shape[1:]), keras.layers.Dense(train.classes, name="scores")]
    )
    head.set_weights(network.get_layer("scores").get_weights())
    head.compile(
        keras.optimizers.AdamW(settings.head_learning_rate, weight_decay=settings.weight_decay),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=settings.label_smoothing),
        metrics=["accuracy"],
    )
    weights = class_weights(train.labels, train.classes, settings.class_weight)
    targets = np.eye(train.classes, dtype=np.float32)[train.labels]
    history = []
    for number in range(1, settings.head_epochs + 1):
        order = np.random.default_rng((settings.seed, number)).permutation(len(train))
        said = head.fit(
            features[order],
            targets[order],
            sample_weight=weights[train.labels[order]],
            batch_size=HEAD_BATCH,
            shuffle=False,
            verbose=0,
        ).history
        scores = validation_scores(head.predict(unseen, verbose=0), validation)
        epoch = Epoch(
            number, "head", settings.head_learning_rate, said["loss"][0], said["accuracy"][0], *scores
        )
        history.append(epoch)
        on_epoch(epoch)
    network.get_layer("scores").set_weights(head.get_weights())
    return history


def _backbone(backbone: str, weights: str | None) -> Any:
    import keras

    name, alpha = BACKBONES[backbone]
    build = getattr(keras.applications, name)
    shape = (BACKBONE_SIZE, BACKBONE_SIZE, 3)
    return build(
        input_shape=shape, alpha=alpha, include_top=False, weights=weights, include_preprocessing=True
    )
