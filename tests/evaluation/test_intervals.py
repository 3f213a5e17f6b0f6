"""Bootstrap intervals respect duplicate groups and repeat exactly."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giemsa.evaluation import intervals
from giemsa.evaluation.intervals import Estimate, estimate, interval, resampled

CLASSES = ("ig", "monocyte")
SETTINGS: dict[str, Any] = {"resamples": 400, "confidence": 0.95, "seed": 5}


def halves(n: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Two classes in turn, of which ``share`` is answered rightly."""
    labels = np.arange(n) % 2
    answers = np.where(np.arange(n) < share * n, labels, 1 - labels)
    return labels, np.eye(2)[answers] * 0.8 + 0.1


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=30), st.integers(0, 99))
def test_a_resample_takes_whole_groups(groups: list[str], seed: int) -> None:
    drawn = np.concatenate(list(resampled(groups, resamples=50, seed=seed)))
    assert drawn.shape == (50, len(groups))
    names = np.array(groups)
    kinds = np.unique(names)
    counts = np.stack([drawn[:, names == kind][:, 0] for kind in kinds], axis=1)
    assert (counts.sum(axis=1) == len(kinds)).all()
    for column, kind in enumerate(kinds):
        assert (drawn[:, names == kind] == counts[:, [column]]).all()


def test_blocks_do_not_change_how_many_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "BLOCK_ELEMENTS", 25)
    blocks = list(resampled(["a", "b", "c"], resamples=20, seed=1))
    assert [len(block) for block in blocks] == [8, 8, 4]


def test_the_interval_holds_the_value_and_narrows_with_more_cells() -> None:
    few, many = (
        estimate(labels, [str(i) for i in range(n)], probabilities, CLASSES, **SETTINGS)["accuracy"]
        for n in (50, 1000)
        for labels, probabilities in [halves(n, 0.9)]
    )
    for found in (few, many):
        assert found.value == pytest.approx(0.9)
        assert found.low <= found.value <= found.high
    assert many.high - many.low < (few.high - few.low) / 2


def test_the_interval_is_close_to_the_binomial_one() -> None:
    labels, probabilities = halves(1000, 0.9)
    found = estimate(labels, [str(i) for i in range(1000)], probabilities, CLASSES, **SETTINGS)["accuracy"]
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(0.9 * 0.1 / 1000), rel=0.15)


def test_copies_make_no_figure_surer() -> None:
    labels, probabilities = halves(100, 0.9)
    alone = estimate(labels, [str(i) for i in range(100)], probabilities, CLASSES, **SETTINGS)
    five = np.repeat(np.arange(100), 5)
    copied = estimate(labels[five], [str(i) for i in five], probabilities[five], CLASSES, **SETTINGS)
    width = [found["accuracy"].high - found["accuracy"].low for found in (alone, copied)]
    assert width[1] == pytest.approx(width[0], rel=0.2)


def test_the_same_seed_gives_the_same_interval() -> None:
    labels, probabilities = halves(80, 0.8)
    runs = [estimate(labels, ["a", "b"] * 40, probabilities, CLASSES, **SETTINGS) for _ in range(2)]
    assert runs[0] == runs[1]


def test_an_unknown_value_has_an_unknown_interval() -> None:
    found = interval(float("nan"), np.array([1.0]), 0.95)
    assert np.isnan([found.value, found.low, found.high]).all()
    assert interval(2.0, np.array([1.0, np.nan, 3.0]), 0.5) == Estimate(2.0, 1.5, 2.5)
