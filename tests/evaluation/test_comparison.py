"""Two models on the same cells."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from giemsa.evaluation.comparison import compare, mcnemar

CLASSES = ("ig", "monocyte", "platelet")
SETTINGS: dict[str, Any] = {"classes": CLASSES, "resamples": 300, "confidence": 0.95, "seed": 5}


def model(labels: NDArray[np.int64], wrong: NDArray[np.int64]) -> NDArray[np.float64]:
    """Answer rightly with 0.8, but for the rows in ``wrong``."""
    answers = labels.copy()
    answers[wrong] = (answers[wrong] + 1) % 3
    return np.eye(3)[answers] * 0.7 + 0.1


@pytest.fixture
def labels() -> NDArray[np.int64]:
    return np.arange(300) % 3


@pytest.fixture
def groups() -> list[str]:
    return [f"cell-{row}" for row in range(300)]


def test_a_clearly_better_model_gains_more_than_nothing(labels: NDArray[np.int64], groups: list[str]) -> None:
    found = compare(labels, groups, model(labels, np.arange(60)), model(labels, np.arange(6)), **SETTINGS)
    gain = found.gains["macro_f1"]
    assert 0 < gain.low < gain.value < gain.high
    assert found.gains["accuracy"].value == pytest.approx(0.18)
    assert (found.mcnemar.only_a, found.mcnemar.only_b) == (0, 54)
    assert found.mcnemar.p_value < 1e-9


def test_a_model_against_itself_gains_exactly_nothing(labels: NDArray[np.int64], groups: list[str]) -> None:
    one = model(labels, np.arange(20))
    found = compare(labels, groups, one, one, **SETTINGS)
    for gain in (*found.gains.values(), *found.recall.values()):
        assert (gain.value, gain.low, gain.high) == (0, 0, 0)
    assert found.mcnemar.p_value == 1


def test_swapping_the_models_turns_the_gain_round(labels: NDArray[np.int64], groups: list[str]) -> None:
    a, b = model(labels, np.arange(40)), model(labels, np.arange(30, 50))
    there, back = compare(labels, groups, a, b, **SETTINGS), compare(labels, groups, b, a, **SETTINGS)
    assert there.gains["macro_f1"].low == pytest.approx(-back.gains["macro_f1"].high)


def test_a_class_that_lost_is_named(labels: NDArray[np.int64], groups: list[str]) -> None:
    monocytes = np.flatnonzero(labels == 1)
    found = compare(labels, groups, model(labels, monocytes[:0]), model(labels, monocytes[:30]), **SETTINGS)
    assert found.recall["monocyte"].value == pytest.approx(-0.3)
    assert found.recall["monocyte"].high < 0
    assert found.recall["ig"].value == 0


def test_a_comparison_can_be_written_as_json(labels: NDArray[np.int64]) -> None:
    groups = ["one"] * 150 + ["two"] * 150
    found = compare(labels, groups, model(labels, np.arange(9)), model(labels, np.arange(3)), **SETTINGS)
    written = json.loads(json.dumps(found.as_json()))
    assert written["groups"] == 2
    assert written["cells"] == 300
    assert set(written["gains"]["macro_f1"]) == {"value", "low", "high"}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_symmetric_and_a_probability(only_a: int, only_b: int) -> None:
    right_a = np.array([True] * only_a + [False] * only_b + [True, False], bool)
    right_b = np.array([False] * only_a + [True] * only_b + [True, False], bool)
    there, back = mcnemar(right_a, right_b), mcnemar(right_b, right_a)
    assert there.p_value == pytest.approx(back.p_value)
    assert 0 <= there.p_value <= 1
    assert (there.only_a, there.only_b) == (only_a, only_b)
