"""One step of learning: a batch shared by two threads, and the running average of the weights.

Each thread works out the gradients of its half on a core of its own: small pictures leave one step little to
spread over several cores. "python benchmarks/steps.py" measures both ways. The members of a team work on such
shares in processes of their own, on any machine; the step they take is the same.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from giemsa.settings import Fitting
from giemsa.training.team import ALONE, Team

SHARES = 2  # fixed, since the result depends on it
SCORING_BATCH = 64
UNDECAYED = ["bias", "gamma", "beta"]


def make_reproducible(seed: int, cores: int | None = None) -> None:
    """Seed every generator, have TensorFlow add up in a fixed order, and give each share cores of its own.

    Call it before anything else is done with TensorFlow.

    Args:
        seed: of all generators.
        cores: for each share; by default all cores of the machine, evenly.
    """
    cores = cores or max(1, (os.cpu_count() or 1) // SHARES)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    with suppress(RuntimeError):  # Where TensorFlow has run already it keeps its threads.
        tf.config.threading.set_intra_op_parallelism_threads(cores)
        tf.config.threading.set_inter_op_parallelism_threads(2 * SHARES)


class Learner:
    """A network, its optimiser, and the exponential average of its weights and batch statistics.

    AdamW (Loshchilov and Hutter, 2019) on cross-entropy with label smoothing and class weights; the average
    (Polyak and Juditsky, 1992) is what is scored.

    Args:
        network: a Keras model as ``networks`` builds it; changed in place.
        weights: of each class in the loss, shape ``(classes,)``.
        settings: weight decay, label smoothing, decay of the average.
        team: with whom each batch is shared.
    """

    def __init__(
        self, network: keras.Model, weights: NDArray[np.float32], settings: Fitting, team: Team = ALONE
    ) -> None:
        self.network = network
        self._team = team
        self._shares = SHARES if team.size == 1 else 1
        self._weights = tf.constant(weights)
        self._classes = len(weights)
        self._settings = settings
        self._optimizer = keras.optimizers.AdamW(settings.learning_rate, settings.weight_decay)
        self._optimizer.exclude_from_weight_decay(var_names=UNDECAYED)
        self._optimizer.build(network.trainable_variables)
        self._average = {
            weight.path: tf.Variable(weight.value, trainable=False) for weight in network.variables
        }
        self._threads = ThreadPoolExecutor(self._shares)
        self._steps = 0
        self._slopes = tf.function(self._slopes_of_share)
        self._apply = tf.function(self._apply_shares)
        self._logits = tf.function(self._averaged_logits, reduce_retracing=True)

    def step(
        self, pictures: NDArray[np.uint8], labels: NDArray[np.integer], rate: float
    ) -> tuple[float, float]:
        """Learn from one batch of even size, or from this member's part of one, at a learning rate.

        Returns:
            Mean loss, and share of cells told right, of the whole batch before the step.
        """
        parts = zip(np.split(pictures, self._shares), np.split(labels, self._shares), strict=True)
        shares = list(self._threads.map(lambda part: self._slopes(*map(tf.constant, part)), parts))
        self._steps += 1
        decay = min(self._settings.average, (1 + self._steps) / (10 + self._steps))
        loss, hits = self._apply(shares, tf.constant(rate, tf.float32), tf.constant(decay, tf.float32))
        return float(loss), float(hits)

    def score(self, views: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Give the averaged network's logits, shape ``(n, classes)``."""
        own = range(0, len(views), SCORING_BATCH)[self._team.rank :: self._team.size]
        parts = [tf.constant(views[start : start + SCORING_BATCH]) for start in own]
        scores = np.zeros((len(views), self._classes), np.float32)
        for start, logits in zip(own, self._threads.map(self._logits, parts), strict=True):
            scores[start : start + SCORING_BATCH] = logits.numpy()
        return self._team.total(scores)

    def average(self) -> list[NDArray[np.float32]]:
        """Give a copy of the averaged weights, in the order of ``network.variables``."""
        return [self._average[weight.path].numpy() for weight in self.network.variables]

    def restart(self, weights: Sequence[NDArray[np.float32]]) -> None:
        """Go on from ``weights``, in the order of ``network.variables``, as if no step had been taken."""
        for variable, value in zip(self.network.variables, weights, strict=True):
            variable.assign(value)
            self._average[variable.path].assign(value)
        for variable in self._optimizer.variables:
            if variable is not self._optimizer.learning_rate:
                variable.assign(np.zeros(variable.shape, variable.dtype))
        self._steps = 0

    def _slopes_of_share(self, pictures: tf.Tensor, labels: tf.Tensor) -> tuple[Any, ...]:
        trained = [tf.identity(weight.value) for weight in self.network.trainable_variables]
        others = [weight.value for weight in self.network.non_trainable_variables]
        smoothing = self._settings.label_smoothing
        targets = tf.one_hot(labels, self._classes) * (1 - smoothing) + smoothing / self._classes
        with tf.GradientTape() as tape:
            tape.watch(trained)
            outputs, states = self.network.stateless_call(
                trained, others, tf.cast(pictures, tf.float32), training=True
            )
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, outputs["logits"])
            loss = tf.reduce_mean(losses * tf.gather(self._weights, labels))
        right = tf.equal(tf.argmax(outputs["logits"], 1, labels.dtype), labels)
        return loss, tf.reduce_mean(tf.cast(right, tf.float32)), tape.gradient(loss, trained), states

    def _apply_shares(
        self, shares: Sequence[tuple[Any, ...]], rate: tf.Tensor, decay: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        self._optimizer.learning_rate.assign(rate)
        loss, hits, gradients, new = self._team.mean(tf.nest.map_structure(_mean, *shares))
        self._optimizer.apply_gradients(zip(gradients, self.network.trainable_variables, strict=True))
        for weight, value in zip(self.network.non_trainable_variables, new, strict=True):
            weight.assign(value)
        for weight in self.network.variables:
            mean = self._average[weight.path]
            if mean.dtype.is_floating:
                mean.assign(decay * mean + (1 - decay) * weight.value)
        return loss, hits

    def _averaged_logits(self, pictures: tf.Tensor) -> tf.Tensor:
        trained = [self._average[weight.path] for weight in self.network.trainable_variables]
        others = [self._average[weight.path] for weight in self.network.non_trainable_variables]
        outputs, _ = self.network.stateless_call(
            trained, others, tf.cast(pictures, tf.float32), training=False
        )
        return outputs["logits"]


def predict(network: keras.Model, views: NDArray[np.uint8], output: str = "logits") -> NDArray[np.float32]:
    """Give one output of a network for every view, shape ``(n, d)``."""
    run = tf.function(
        lambda pictures: network(tf.cast(pictures, tf.float32), training=False)[output], reduce_retracing=True
    )
    starts = range(0, len(views), SCORING_BATCH)
    return np.concatenate([run(tf.constant(views[i : i + SCORING_BATCH])).numpy() for i in starts])


def _mean(*shares: tf.Tensor) -> tf.Tensor:
    """Average what the shares say; the state of a random generator is the same in all."""
    return tf.add_n(shares) / len(shares) if shares[0].dtype.is_floating else shares[0]
