"""Fit a network: one loop for every family, the same weights bit for bit whenever it runs on one machine."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from giemsa.progress import track
from giemsa.settings import Fitting
from giemsa.training.batches import Labelled, batches_in, shuffled_batches
from giemsa.training.bundle import Epoch
from giemsa.training.calibration import fit_temperature, negative_log_likelihood
from giemsa.training.learner import Learner
from giemsa.training.team import ALONE, Team

WARM_UP = 0.1  # share of all work
LAST = 1e-3  # share of the learning rate that is left at the end
FALLEN = 1.5  # times the lowest loss of a phase: what was learnt is lost

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

    @property
    def cost(self) -> int:
        """What one epoch costs beside another phase's: pixels."""
        return self.size**2


@dataclass
class Plateau:
    """Follow a validation loss: halve the learning rate where it stands still, stop where it stays so.

    Args:
        patience: epochs without a lower loss before stopping; each half of them halves the learning rate.
    """

    patience: int
    best: float = math.inf
    stale: int = 0
    factor: float = 1.0

    def update(self, loss: float) -> bool:
        """Take in an epoch's loss; say whether it is the lowest so far."""
        if loss < self.best:
            self.best, self.stale = loss, 0
            return True
        self.stale += 1
        if self.stale % max(1, self.patience // 2) == 0:
            self.factor /= 2
        return False

    @property
    def exhausted(self) -> bool:
        """Whether to stop."""
        return self.stale >= self.patience


def one_cycle(done: float) -> float:
    """Give the share of the learning rate at ``done``, 0..1, of the work (Smith and Topin, 2019)."""
    if done < WARM_UP:
        return max(done / WARM_UP, LAST)
    fall = (done - WARM_UP) / (1 - WARM_UP)
    return LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * min(1.0, fall)))


def class_weights(labels: NDArray[np.integer], classes: int, strength: float) -> NDArray[np.float32]:
    """Weigh classes against their imbalance; the mean over all cells is 1.

    Args:
        labels: class indices, shape ``(n,)``.
        classes: how many classes there are.
        strength: 0 weighs all alike, 1 by the inverse of the class's frequency.

    Returns:
        A weight for every class, shape ``(classes,)``.
    """
    counts = np.bincount(labels, minlength=classes)
    weights = (len(labels) / (classes * np.maximum(counts, 1))) ** strength
    scaled: NDArray[np.float32] = (weights / np.average(weights, weights=counts)).astype(np.float32)
    return scaled


def macro_f1(labels: NDArray[np.integer], answers: NDArray[np.integer], classes: int) -> float:
    """Give the unweighted mean of the classes' F1; a class neither there nor answered is left out."""
    hits = np.bincount(labels[labels == answers], minlength=classes)
    cells = np.bincount(labels, minlength=classes) + np.bincount(answers, minlength=classes)
    return float(np.mean(2 * hits[cells > 0] / cells[cells > 0]))


def validation_scores(logits: NDArray[np.float32], cells: Labelled) -> tuple[float, float, float]:
    """Give mean cross-entropy in nats, accuracy and macro-F1, the last two in 0..1.

    The cross-entropy is that of calibrated probabilities: smoothed labels teach doubt, and that of raw ones
    would tell how much of it there is rather than who is right.
    """
    answers = logits.argmax(axis=1)
    accuracy = float((answers == cells.labels).mean())
    loss = negative_log_likelihood(logits, cells.labels, fit_temperature(logits, cells.labels))
    return loss, accuracy, macro_f1(cells.labels, answers, cells.classes)


class Fit:
    """A network that is learning.

    The learning rate warms up, falls along a cosine, and is halved when the validation loss stands still.
    Where it was too high and the network forgets what it knew, learning goes on from the best epoch at half
    the rate. The network ends with the averaged weights of the last phase's best epoch.

    Args:
        network: a Keras model as ``networks`` builds it.
        train: what it learns from.
        validation: what decides on learning rate, stopping and the best weights.
        settings: rates, batch size, patience.
        on_epoch: called after each epoch.
        team: with whom it learns.
    """

    def __init__(
        self,
        network: Any,
        train: Labelled,
        validation: Labelled,
        settings: Fitting,
        on_epoch: OnEpoch,
        team: Team = ALONE,
    ) -> None:
        self.network, self.train, self.validation = network, train, validation
        self.settings, self._on_epoch, self._team = settings, on_epoch, team
        weights = class_weights(train.labels, train.classes, settings.class_weight)
        self._learner = Learner(network, weights, settings, team)

    def run(self, phases: Sequence[Phase]) -> list[Epoch]:
        """Learn through all ``phases``, the last until nothing gets better; give one entry per epoch.

        Losses at two resolutions cannot be compared, so each phase has its own best; a phase is validated at
        its own resolution.
        """
        total = sum(phase.epochs * phase.cost for phase in phases)
        done, history, best = 0, list[Epoch](), self._learner.average()
        for phase in phases:
            validation = _resized(self.validation, phase.size)
            plateau, lowest = Plateau(self.settings.patience), math.inf
            for _ in range(phase.epochs):
                span = (done / total, (done + phase.cost) / total)
                epoch = self._epoch(phase, len(history) + 1, span, plateau.factor, validation)
                history.append(epoch)
                self._on_epoch(epoch)
                if plateau.update(epoch.val_loss):
                    best = self._learner.average()
                if not epoch.loss < FALLEN * lowest:  # not a number is no smaller either
                    self._learner.restart(best)
                    plateau.factor /= 2
                lowest = min(lowest, epoch.loss)
                if plateau.exhausted and phase is phases[-1]:
                    break
                done += phase.cost
        self._learner.restart(best)
        return history

    def _epoch(
        self, phase: Phase, number: int, span: tuple[float, float], factor: float, validation: Labelled
    ) -> Epoch:
        steps = batches_in(self.train, self.settings.batch_size, self._team.size)
        rates = (
            self.settings.learning_rate
            * factor
            * np.array([one_cycle(done) for done in np.linspace(*span, steps, endpoint=False)])
        )
        batches = shuffled_batches(
            self.train,
            batch_size=self.settings.batch_size,
            size=phase.size,
            seed=self.settings.seed,
            epoch=number,
            part=self._team.rank,
            of=self._team.size,
        )
        batches = track(batches, f"{phase.name}, epoch {number}", steps)
        learnt = [self._learner.step(*batch, float(rate)) for batch, rate in zip(batches, rates, strict=True)]
        loss, accuracy = np.mean(learnt, axis=0).tolist()
        scores = validation_scores(self._learner.score(validation.views), validation)
        return Epoch(number, phase.name, float(rates[-1]), loss, accuracy, *scores)


def _resized(cells: Labelled, size: int) -> Labelled:
    if cells.views.shape[1] == size:
        return cells
    views = [cv2.resize(view, (size, size), interpolation=cv2.INTER_AREA) for view in cells.views]
    return Labelled(np.stack(views), cells.labels, cells.classes)
