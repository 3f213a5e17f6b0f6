"""Every measure agrees with scikit-learn's, under weights too."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sk

from giemsa.evaluation.metrics import HEADLINE, confusion, measure

CLASSES = ("basophil", "ig", "monocyte")


def cells(n: int, seed: int, *, rounded: bool = False) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    chances = rng.dirichlet(np.ones(3), n) + 0.5 * np.eye(3)[labels]
    if rounded:  # ties among scores
        chances = np.round(chances, 1) + 0.1
    return labels, chances / chances.sum(axis=1, keepdims=True)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(12, 80), st.booleans())
def test_measures_equal_scikit_learns(seed: int, n: int, rounded: bool) -> None:  # noqa: FBT001
    labels, probabilities = cells(n, seed, rounded=rounded)
    weights = np.random.default_rng(seed).integers(0, 4, n).astype(np.float32)
    weights[:12] = 1
    labels[:3] = [0, 1, 2]
    found = {name: value[0] for name, value in measure(labels, probabilities, CLASSES, weights[None]).items()}
    answers = probabilities.argmax(axis=1)
    said = sk.precision_recall_fscore_support(
        labels, answers, labels=range(3), sample_weight=weights, zero_division=0
    )
    for measured, name in zip(said, ("precision", "recall", "f1"), strict=False):
        np.testing.assert_allclose([found[f"{name}.{kind}"] for kind in CLASSES], measured, rtol=1e-5)
    areas = [
        sk.roc_auc_score(labels == kind, probabilities[:, kind], sample_weight=weights) for kind in range(3)
    ]
    np.testing.assert_allclose([found[f"auc.{kind}"] for kind in CLASSES], areas, rtol=1e-5)
    assert found["auc"] == pytest.approx(np.mean(areas))
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(labels, answers, sample_weight=weights))
    macro = sk.f1_score(labels, answers, average="macro", sample_weight=weights)
    assert found["macro_f1"] == pytest.approx(macro, rel=1e-5)
    loss = sk.log_loss(labels, probabilities, sample_weight=weights)
    assert found["nll"] == pytest.approx(loss, rel=1e-5)


def test_many_weightings_at_once_are_each_alone() -> None:
    labels, probabilities = cells(60, 1)
    weights = np.random.default_rng(2).integers(0, 3, (7, 60)).astype(np.float32)
    together = measure(labels, probabilities, CLASSES, weights)
    for row in range(7):
        alone = measure(labels, probabilities, CLASSES, weights[[row]])
        for name, value in alone.items():
            np.testing.assert_allclose(together[name][row], value[0], rtol=1e-6)


def test_a_perfect_and_sure_model_has_perfect_measures() -> None:
    labels = np.array([0, 1, 2, 0])
    values = measure(labels, np.eye(3)[labels], CLASSES)
    assert [values[name][0] for name in HEADLINE] == pytest.approx([1, 1, 1, 0, 0, 0])


def test_brier_and_calibration_error_by_hand() -> None:
    # Two cells, both answered "basophil" with 0.8: one right, one wrong.
    probabilities = np.array([[0.8, 0.2, 0.0], [0.8, 0.2, 0.0]])
    values = measure(np.array([0, 1]), probabilities, CLASSES)
    assert values["ece"][0] == pytest.approx(0.3)
    assert values["brier"][0] == pytest.approx((0.04 + 0.04 + 0.64 + 0.64) / 2)


def test_a_class_that_does_not_occur_has_no_recall_and_leaves_macro_f1_alone() -> None:
    labels = np.array([0, 1, 0, 1])
    values = measure(labels, np.eye(3)[labels], CLASSES)
    assert np.isnan(values["recall.monocyte"][0])
    assert np.isnan(values["auc.monocyte"][0])
    assert values["precision.monocyte"][0] == 0
    assert values["macro_f1"][0] == 1


def test_confusion_counts_actual_in_rows_and_answers_in_columns() -> None:
    counts = confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    assert counts.tolist() == [[[1, 1], [0, 1]]]


def test_two_thousand_resamples_of_a_whole_test_split_take_seconds() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 8, 1200)
    probabilities = rng.dirichlet(np.ones(8), 1200)
    weights = rng.poisson(1, (2000, 1200)).astype(np.float32)
    start = time.process_time()
    measure(labels, probabilities, [str(kind) for kind in range(8)], weights)
    assert time.process_time() - start < 10
