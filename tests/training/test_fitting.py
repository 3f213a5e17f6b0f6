"""The training loop: schedule, plateau, class weights, best weights."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sklearn.metrics import f1_score, log_loss

from giemsa.settings import Fitting
from giemsa.training.batches import Labelled
from giemsa.training.bundle import Epoch
from giemsa.training.calibration import fit_temperature, softmax
from giemsa.training.fitting import (
    Fit,
    Phase,
    Plateau,
    class_weights,
    macro_f1,
    one_cycle,
    validation_scores,
)
from giemsa.training.learner import make_reproducible, predict
from tests.training.conftest import coloured_cells, small_network

TRAIN, VALIDATION = coloured_cells(96, seed=1), coloured_cells(48, seed=2)


def test_the_rate_rises_then_falls_to_almost_nothing() -> None:
    rates = [one_cycle(done) for done in np.linspace(0, 1, 101)]
    top = int(np.argmax(rates))
    assert rates[top] == pytest.approx(1.0)
    assert top == 10
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == pytest.approx(1e-3)


@examples(deadline=None)
@given(done=st.floats(0, 1))
def test_the_rate_is_never_nothing_and_never_above_its_setting(done: float) -> None:
    assert 0 < one_cycle(done) <= 1


def test_a_loss_that_stands_still_halves_the_rate_and_then_stops() -> None:
    plateau = Plateau(patience=4)
    assert plateau.update(1.0)
    seen = []
    for _ in range(4):
        assert not plateau.update(1.0)
        seen.append((plateau.factor, plateau.exhausted))
    assert seen == [(1.0, False), (0.5, False), (0.5, False), (0.25, True)]


def test_a_lower_loss_starts_the_patience_anew_but_keeps_the_rate() -> None:
    plateau = Plateau(patience=2)
    plateau.update(1.0)
    plateau.update(1.1)
    assert plateau.update(0.9)
    assert (plateau.stale, plateau.factor, plateau.exhausted) == (0, 0.5, False)


@examples(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=4, max_size=50), st.floats(0, 1))
def test_class_weights_leave_the_mean_over_cells_at_one(labels: list[int], strength: float) -> None:
    weights = class_weights(np.array(labels), 4, strength)
    assert weights[np.array(labels)].mean() == pytest.approx(1, rel=1e-5)


def test_full_class_weights_give_each_class_the_same_total() -> None:
    weights = class_weights(np.array([0, 0, 0, 1]), 2, 1.0)
    assert 3 * weights[0] == pytest.approx(weights[1])
    assert class_weights(np.array([0, 0, 0, 1]), 2, 0.0).tolist() == [1, 1]


@examples(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30))
def test_macro_f1_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    labels, answers = np.array(pairs).T
    expected = f1_score(labels, answers, average="macro", zero_division=0)
    assert macro_f1(labels, answers, 3) == pytest.approx(expected)


def test_validation_scores_are_scikit_learns_of_calibrated_probabilities() -> None:
    rng = np.random.default_rng(0)
    logits = (5 * rng.normal(size=(40, 3))).astype(np.float32)
    labels = np.where(rng.random(40) < 0.7, logits.argmax(axis=1), rng.integers(0, 3, 40))
    cells = Labelled(np.zeros((40, 1, 1, 3), np.uint8), labels, 3)
    loss, accuracy, _ = validation_scores(logits, cells)
    chances = softmax(logits, fit_temperature(logits, cells.labels))
    assert loss == pytest.approx(log_loss(cells.labels, chances, labels=[0, 1, 2]), rel=1e-5)
    assert loss == pytest.approx(validation_scores(logits / np.float32(3), cells)[0], rel=1e-5)
    assert accuracy == np.mean(logits.argmax(axis=1) == cells.labels)


def _fit(settings: Fitting) -> tuple[list[Epoch], list[Epoch], np.ndarray]:
    make_reproducible(settings.seed)
    told: list[Epoch] = []
    network = small_network()
    phases = [Phase("coarse", 1, 8), Phase("full", 3, 16)]
    history = Fit(network, TRAIN, VALIDATION, settings, told.append).run(phases)
    return history, told, predict(network, VALIDATION.views)


def test_a_network_learns_through_its_phases_and_repeats_itself(settings: Fitting) -> None:
    history, told, logits = _fit(settings)
    assert told == history
    assert [(epoch.epoch, epoch.phase) for epoch in history] == [
        (1, "coarse"),
        (2, "full"),
        (3, "full"),
        (4, "full"),
    ]
    assert history[-1].val_accuracy > 0.6
    assert _fit(settings)[0] == history
    best = min(epoch.val_loss for epoch in history if epoch.phase == "full")
    assert validation_scores(logits, VALIDATION)[0] == pytest.approx(best, rel=1e-4)


def test_a_network_that_gets_no_better_stops(settings: Fitting) -> None:
    still = settings.model_copy(update={"learning_rate": 1e-12, "patience": 1, "average": 0.0})
    make_reproducible(1)
    worse = Labelled(VALIDATION.views, (VALIDATION.labels + 1) % 3, 3)
    history = Fit(small_network(), TRAIN, worse, still, lambda _: None).run([Phase("full", 30, 16)])
    assert len(history) < 30
    assert all(math.isfinite(epoch.loss) for epoch in history)


def test_a_network_that_forgets_goes_back_to_its_best_epoch_at_half_the_rate(
    settings: Fitting, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_reproducible(settings.seed)
    told: list[Epoch] = []
    fit = Fit(small_network(), TRAIN, VALIDATION, settings, told.append)
    learn = fit._learner.step

    def step(pictures: np.ndarray, labels: np.ndarray, rate: float) -> tuple[float, float]:
        if len(told) == 3:  # in the fourth epoch all is lost
            for weight in fit.network.trainable_variables:
                weight.assign(np.full(weight.shape, np.nan))
        return learn(pictures, labels, rate)

    monkeypatch.setattr(fit._learner, "step", step)
    history = fit.run([Phase("all", 8, 16)])
    assert not math.isfinite(history[3].loss)
    assert all(math.isfinite(epoch.loss) for epoch in history[:3] + history[4:])
    assert history[4].val_accuracy > 0.6
    assert history[4].learning_rate < 0.6 * history[2].learning_rate
