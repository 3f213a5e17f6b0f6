"""Fit a network: one loop for every family, the same weights bit for bit whenever it runs on one machine."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from giemsa.progress import track
from giemsa.settings import Fitting
from giemsa.training.batches import Labelled, shuffled_batches
from giemsa.training.bundle import Epoch

WARM_UP = 0.1  # share of all steps
LAST = 1e-3  # share of the learning rate that is left at the end
SCORING_BATCH = 64

OnEpoch = Callable[[Epoch], None]


@dataclass(frozen=True)
class Phase:
    """Some epochs at one resolution.

    Args:
        name: as the history calls it.
        epochs: how many.
        size: side of the pictures, in pixels.
    """

    name: str
    epochs: int
    size: int


def make_reproducible(seed: int) -> None:
    """Seed every generator, and have TensorFlow add up in a fixed order."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def epochs_within(settings: Fitting, *, rate: float, cells: int) -> float:
    """Tell how many epochs at full resolution the budget pays for, at most ``max_epochs``.

    Args:
        settings: the budget in minutes.
        rate: cells per second that the reference machine (two cores) learns from at full resolution.
        cells: how many there are in an epoch.
    """
    return min(settings.max_epochs, settings.budget_minutes * 60 * rate / cells)


def class_weights(labels: NDArray[np.integer], classes: int, strength: float) -> NDArray[np.float32]:
    """Weigh classes against their imbalance; the mean over all cells is 1.

    Args:
        labels: class indices, shape ``(n,)``.
        classes: how many classes there are.
        strength: 0 weighs all alike, 1 by the inverse of the class's frequency.

    Returns:
        A weight for every class, shape ``(classes,)``.
    """
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    weights = (counts.sum() / (classes * counts)) ** strength
    scaled: NDArray[np.float32] = (weights / np.average(weights, weights=counts)).astype(np.float32)
    return scaled


def macro_f1(labels: NDArray[np.integer], answers: NDArray[np.integer], classes: int) -> float:
    """Give the unweighted mean of the classes' F1; a class neither there nor answered is left out."""
    hits = np.bincount(labels[labels == answers], minlength=classes)
    cells = np.bincount(labels, minlength=classes) + np.bincount(answers, minlength=classes)
    return float(np.mean(2 * hits[cells > 0] / cells[cells > 0]))


class Fit:
    """A network that is learning.

    AdamW (Loshchilov and Hutter, 2019) on cross-entropy with label smoothing and class weights; the learning
    rate warms up, falls along a cosine, and is halved when the validation macro-F1 stands still; weights are
    averaged exponentially (Polyak and Juditsky, 1992), and the average is what is validated and kept.

    Args:
        network: a Keras model as ``networks`` builds it; it ends with the best averaged weights.
        train: what it learns from.
        validation: what decides on learning rate, stopping and the best weights.
        settings: rates, batch size, patience.
        on_epoch: called after each epoch.
    """

    def __init__(
        self,
        network: Any,
        train: Labelled,
        validation: Labelled,
        settings: Fitting,
        on_epoch: OnEpoch,
    ) -> None:
        self.network, self.train, self.validation = network, train, validation
        self.settings, self._on_epoch = settings, on_epoch
        self.history: list[Epoch] = []

    def run(self, phases: Sequence[Phase]) -> list[Epoch]:
        """Learn through all ``phases`` or until nothing gets better; give the history of these epochs."""
        import tensorflow as tf

        steps = max(1, len(self.train) // self.settings.batch_size)
        self._total = steps * sum(phase.epochs for phase in phases)
        self._optimizer = self._new_optimizer()
        self._average = [tf.Variable(weight, trainable=False) for weight in self.network.weights]
        self._step = self._compiled_step()
        self._taken, self._factor, best, stale = 0, 1.0, (-1.0, 0.0), 0
        kept = [weight.numpy() for weight in self.network.weights]
        full = max(phase.size for phase in phases)
        for phase, number in _each(phases):
            epoch = self._epoch(phase, number)
            self.history.append(epoch)
            self._on_epoch(epoch)
            if phase.size < full:
                continue  # validated at another resolution than it learns from: no ground to judge by
            score = (epoch.val_macro_f1, -epoch.val_loss)
            if score > best:
                best, stale, kept = score, 0, [weight.numpy() for weight in self._average]
                continue
            stale += 1
            if stale >= self.settings.patience:
                break
            if stale % max(1, self.settings.patience // 2) == 0:
                self._factor /= 2
        for weight, value in zip(self.network.weights, kept, strict=True):
            weight.assign(value)
        return self.history

    def _epoch(self, phase: Phase, number: int) -> Epoch:
        losses, hits, seen = 0.0, 0, 0
        batches = shuffled_batches(
            self.train,
            batch_size=self.settings.batch_size,
            size=phase.size,
            seed=self.settings.seed,
            epoch=number,
        )
        steps = len(self.train) // min(self.settings.batch_size, len(self.train))
        rate = 0.0
        for pictures, labels in track(batches, f"{phase.name}, epoch {number}", steps):
            rate = self._rate()
            loss, right = self._step(pictures, labels, np.float32(rate), np.float32(self._decay()))
            losses += float(loss)
            hits += int(right)
            seen += len(labels)
            self._taken += 1
        val_loss, val_accuracy, val_f1 = self._validate()
        return Epoch(number, phase.name, rate, losses / steps, hits / seen, val_loss, val_accuracy, val_f1)

    def _rate(self) -> float:
        warm = max(1.0, WARM_UP * self._total)
        if self._taken < warm:
            shape = (self._taken + 1) / warm
        else:
            done = (self._taken - warm) / max(1.0, self._total - warm)
            shape = LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        return self.settings.learning_rate * self._factor * min(1.0, shape)

    def _decay(self) -> float:
        return min(self.settings.average, (1 + self._taken) / (10 + self._taken))

    def _new_optimizer(self) -> Any:
        import keras

        optimizer = keras.optimizers.AdamW(
            self.settings.learning_rate, weight_decay=self.settings.weight_decay
        )
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        optimizer.build(self.network.trainable_variables)
        return optimizer

    def _compiled_step(self) -> Any:
        import tensorflow as tf

        network, optimizer, average = self.network, self._optimizer, self._average
        classes, smoothing = self.train.classes, self.settings.label_smoothing
        weights = tf.constant(class_weights(self.train.labels, classes, self.settings.class_weight))

        @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
        def step(pictures: Any, labels: Any, rate: Any, decay: Any) -> Any:
            targets = tf.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes
            with tf.GradientTape() as tape:
                logits = network(tf.cast(pictures, tf.float32), training=True)["logits"]
                losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
                loss = tf.reduce_mean(losses * tf.gather(weights, labels))
            optimizer.learning_rate.assign(rate)
            optimizer.apply_gradients(
                zip(
                    tape.gradient(loss, network.trainable_variables), network.trainable_variables, strict=True
                )
            )
            for mean, weight in zip(average, network.weights, strict=True):
                if mean.dtype.is_floating:
                    mean.assign_add((1 - decay) * (weight.value - mean))
            right = tf.reduce_sum(tf.cast(tf.equal(tf.argmax(logits, 1), labels), tf.int32))
            return loss, right

        return step

    def _validate(self) -> tuple[float, float, float]:
        """Score the validation cells with the averaged weights."""
        current = [weight.numpy() for weight in self.network.weights]
        for weight, mean in zip(self.network.weights, self._average, strict=True):
            weight.assign(mean)
        logits = predict(self.network, self.validation.views)
        for weight, value in zip(self.network.weights, current, strict=True):
            weight.assign(value)
        labels, answers = self.validation.labels, logits.argmax(axis=1)
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_likelihood = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        loss = -float(log_likelihood[np.arange(len(labels)), labels].mean())
        accuracy = float((answers == labels).mean())
        return loss, accuracy, macro_f1(labels, answers, self.validation.classes)


def predict(network: Any, views: NDArray[np.uint8], output: str = "logits") -> NDArray[np.float32]:
    """Give one output of a network for every view, shape ``(n, d)``."""
    import tensorflow as tf

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def run(pictures: Any) -> Any:
        return network(tf.cast(pictures, tf.float32), training=False)[output]

    starts = range(0, len(views), SCORING_BATCH)
    return np.concatenate(
        [run(tf.constant(views[start : start + SCORING_BATCH])).numpy() for start in starts]
    )


def _each(phases: Sequence[Phase]) -> Iterator[tuple[Phase, int]]:
    number = 0
    for phase in phases:
        for _ in range(phase.epochs):
            number += 1
            yield phase, number
