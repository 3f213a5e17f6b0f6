"""Temperature scaling and reliability."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giemsa.training.calibration import bin_of, fit_temperature, reliability, softmax


def overconfident(temperature: float, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels from the softmax of logits, then make the logits ``temperature`` times too large."""
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 2, (n, 4))
    chances = softmax(logits, 1.0).cumsum(axis=1)
    labels = (rng.random((n, 1)) > chances[:, :-1]).sum(axis=1)
    return logits * temperature, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_fitted_temperature_undoes_overconfidence(temperature: float) -> None:
    logits, labels = overconfident(temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.08)


def test_a_fitted_temperature_stays_in_its_range_even_for_a_perfect_model() -> None:
    logits = 50.0 * np.eye(3)[np.arange(30) % 3]
    assert 0.05 <= fit_temperature(logits, np.arange(30) % 3) <= 20


@pytest.mark.parametrize("cells", [20, 60, 300])
def test_where_no_answer_was_wrong_the_next_one_may_still_be(cells: int) -> None:
    labels = np.arange(cells) % 8
    logits = 4.0 * np.eye(8)[labels] + np.random.default_rng(1).normal(0, 0.2, (cells, 8))
    confidence = softmax(logits, fit_temperature(logits, labels)).max(axis=1)
    assert confidence.mean() == pytest.approx(1 - 1 / (cells + 1), abs=0.3 / cells)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 20), st.integers(0, 1000))
def test_no_temperature_changes_an_answer(temperature: float, seed: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 3, (20, 5))
    assert (softmax(logits, temperature).argmax(1) == logits.argmax(1)).all()


def test_a_bin_includes_its_upper_edge() -> None:
    assert bin_of(np.array([0.0, 1 / 15, 1 / 15 + 1e-9, 1.0])).tolist() == [0, 0, 1, 14]


def test_reliability_leaves_empty_bins_out_and_counts_every_cell() -> None:
    probabilities = np.array([[0.9, 0.1], [0.95, 0.05], [0.6, 0.4]])
    found = reliability(probabilities, np.array([0, 1, 0]))
    assert found.count.tolist() == [1, 1, 1]
    assert found.accuracy.tolist() == [1, 1, 0]
    np.testing.assert_allclose(found.confidence, [0.6, 0.9, 0.95])
