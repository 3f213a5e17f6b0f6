"""A step of learning: deterministic, shared by two threads, averaged."""

import keras
import numpy as np
import pytest

from giemsa.settings import Fitting
from giemsa.training.learner import Learner, make_reproducible, predict
from tests.training.conftest import coloured_cells, small_network

EVEN = np.ones(3, np.float32)
CELLS = coloured_cells(32, seed=4)


def _taught(settings: Fitting, steps: int) -> Learner:
    make_reproducible(7)
    learner = Learner(small_network(), EVEN, settings)
    for _ in range(steps):
        learner.step(CELLS.views, CELLS.labels, 0.01)
    return learner


def test_the_same_seed_gives_the_same_weights_bit_for_bit(settings: Fitting) -> None:
    once, again = _taught(settings, 4), _taught(settings, 4)
    assert once.network.variables
    for one, other in zip(once.network.variables, again.network.variables, strict=True):
        assert np.array_equal(one.numpy(), other.numpy()), one.path
    for mean, other_mean in zip(once.average(), again.average(), strict=True):
        assert np.array_equal(mean, other_mean)


def test_the_loss_falls(settings: Fitting) -> None:
    learner = _taught(settings, 0)
    losses = [learner.step(CELLS.views, CELLS.labels, 0.01)[0] for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]


def test_a_rate_of_nothing_changes_batch_statistics_only(settings: Fitting) -> None:
    learner = _taught(settings, 0)
    before = [weight.numpy() for weight in learner.network.trainable_variables]
    statistics = [weight.numpy() for weight in learner.network.variables if "moving_mean" in weight.path]
    learner.step(CELLS.views, CELLS.labels, 0.0)
    after = [weight.numpy() for weight in learner.network.trainable_variables]
    moved = [weight.numpy() for weight in learner.network.variables if "moving_mean" in weight.path]
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))
    assert not any(np.array_equal(one, other) for one, other in zip(statistics, moved, strict=True))


def test_gradients_are_the_mean_of_both_shares(settings: Fitting) -> None:
    make_reproducible(7)
    learner = Learner(small_network(), EVEN, settings)
    # Plain descent at a rate of one: a weight moves by its gradient.
    learner._optimizer = keras.optimizers.SGD(1.0)
    halves = [(CELLS.views[at : at + 16], CELLS.labels[at : at + 16]) for at in (0, 16)]
    (loss, _, slopes, _), (other_loss, _, other_slopes, _) = (learner._slopes(*half) for half in halves)
    before = [weight.numpy() for weight in learner.network.trainable_variables]
    told, _ = learner.step(CELLS.views, CELLS.labels, 1.0)
    assert told == pytest.approx((float(loss) + float(other_loss)) / 2, rel=1e-5)
    moved = zip(learner.network.trainable_variables, before, slopes, other_slopes, strict=True)
    for weight, start, one, other in moved:
        assert not np.allclose(one, other, rtol=0.01), weight.path
        np.testing.assert_allclose(
            start - weight.numpy(), (one + other) / 2, rtol=1e-4, atol=1e-6, err_msg=weight.path
        )


def test_the_average_lies_between_start_and_now(settings: Fitting) -> None:
    learner = _taught(settings, 0)
    start = learner.average()
    learner.step(CELLS.views, CELLS.labels, 0.01)
    now = [weight.numpy() for weight in learner.network.variables]
    decay = 2 / 11
    for first, mean, last in zip(start, learner.average(), now, strict=True):
        if mean.dtype.kind == "f":
            np.testing.assert_allclose(mean, decay * first + (1 - decay) * last, rtol=1e-4, atol=1e-5)


def test_the_averaged_network_is_what_is_scored(settings: Fitting) -> None:
    learner = _taught(settings, 3)
    scored = learner.score(CELLS.views)
    for weight, value in zip(learner.network.variables, learner.average(), strict=True):
        weight.assign(value)
    np.testing.assert_allclose(scored, predict(learner.network, CELLS.views), atol=1e-5)


def test_a_class_of_no_weight_teaches_nothing(settings: Fitting) -> None:
    make_reproducible(7)
    learner = Learner(small_network(), np.array([1, 1, 0], np.float32), settings)
    third = np.full(4, 2)
    loss, _ = learner.step(CELLS.views[:4], third, 0.01)
    assert loss == 0
