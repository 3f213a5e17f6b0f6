"""A new model becomes champion only where the cells show that it is better."""

import numpy as np
import pytest
from numpy.typing import NDArray

from giemsa.registry.gate import GUESSER, Contender, HeldOut, judge
from giemsa.settings import Evaluate, Register

CLASSES = ("a", "b", "c")
LABELS = np.arange(240) % 3
CELLS = HeldOut(LABELS, [str(index) for index in range(240)], CLASSES)
REGISTER = Register(model="cells", min_gain=0.0, confidence=0.95, max_recall_loss=0.05)
EVALUATE = Evaluate(resamples=200, confidence=0.95, corruptions=False, seed=1)


def answers(wrong: int, *, only: int | None = None, sure: float = 0.9) -> NDArray[np.float64]:
    """Probabilities that are right but for ``wrong`` cells, all of class ``only`` where it is given."""
    said = LABELS.copy()
    among = np.flatnonzero(only == LABELS) if only is not None else np.arange(len(LABELS))
    said[among[:wrong]] = (said[among[:wrong]] + 1) % 3
    return np.where(np.eye(3)[said] > 0, sure, (1 - sure) / 2)


def model(
    wrong: int,
    *,
    name: str = "The new model",
    drawn: bool = False,
    classes: tuple[str, ...] = CLASSES,
    robust: float = 1.0,
    only: int | None = None,
    sure: float = 0.9,
    rejected: int = 0,
) -> Contender:
    return Contender(
        name,
        drawn,
        classes,
        answers(wrong, only=only, sure=sure),
        np.arange(len(LABELS)) < rejected,
        lambda rows: np.full(len(rows), robust),
    )


def test_the_first_model_must_beat_guessing() -> None:
    good = judge(model(10), None, CELLS, REGISTER, EVALUATE)
    assert (good.promote, good.against) == (True, GUESSER)
    bad = judge(model(239), None, CELLS, REGISTER, EVALUATE)
    assert not bad.promote
    assert "does not replace" in bad.reason


def test_a_clearly_better_model_is_promoted_and_the_figures_say_why() -> None:
    verdict = judge(model(4), model(60, name="version 1"), CELLS, REGISTER, EVALUATE)
    assert verdict.promote
    assert verdict.against == "version 1"
    assert [condition.passed for condition in verdict.conditions] == [True] * 5
    gain = verdict.conditions[0]
    assert gain.low > 0 < gain.figure < gain.high
    assert f"{gain.figure:+.4f}" in verdict.reason


def test_a_model_that_rejects_more_real_cells_does_not_promote() -> None:
    champion = model(60, name="version 1", rejected=2)
    assert judge(model(4, rejected=3), champion, CELLS, REGISTER, EVALUATE).promote
    verdict = judge(model(4, rejected=40), champion, CELLS, REGISTER, EVALUATE)
    assert not verdict.promote
    assert "cells rejected, change +0.1583" in verdict.reason


def test_a_few_patients_or_cells_decide_nothing() -> None:
    for count in (1, 9):
        few = HeldOut(LABELS, [str(index % count) for index in range(len(LABELS))], CLASSES)
        for champion in (None, model(60, name="version 1")):
            verdict = judge(model(4), champion, few, REGISTER, EVALUATE)
            assert not verdict.promote
            assert f"independent test cells {count:+.4f}" in verdict.reason


def test_a_gain_that_may_be_chance_does_not_promote() -> None:
    verdict = judge(model(10), model(12, name="version 1"), CELLS, REGISTER, EVALUATE)
    assert not verdict.promote
    assert "macro-F1 gain" in verdict.reason


def test_the_gain_must_exceed_its_limit() -> None:
    strict = REGISTER.model_copy(update={"min_gain": 0.5})
    assert not judge(model(0), model(60, name="version 1"), CELLS, strict, EVALUATE).promote


def test_no_class_may_pay_for_the_others() -> None:
    champion = model(60, name="version 1", only=0)
    verdict = judge(model(20, only=2), champion, CELLS, REGISTER, EVALUATE)
    assert not verdict.promote
    assert [condition.passed for condition in verdict.conditions] == [True, False, True, True, True]
    assert "c changes worst" in verdict.conditions[1].meaning


def test_a_model_that_is_far_too_sure_is_not_promoted() -> None:
    champion = model(60, name="version 1", sure=0.75)
    verdict = judge(model(30, sure=0.999), champion, CELLS, REGISTER, EVALUATE)
    assert [condition.passed for condition in verdict.conditions] == [True, True, False, True, True]
    assert not verdict.promote


def test_a_model_that_is_far_too_unsure_is_not_promoted() -> None:
    champion = model(60, name="version 1", sure=0.75)
    verdict = judge(model(10, sure=0.4), champion, CELLS, REGISTER, EVALUATE)
    assert [condition.passed for condition in verdict.conditions] == [True, True, False, True, True]
    assert not verdict.promote


def test_corrupted_cells_count_where_they_are_scored() -> None:
    scored = EVALUATE.model_copy(update={"corruptions": True})
    champion = model(60, name="version 1", robust=0.9)
    fragile = judge(model(4, robust=0.8), champion, CELLS, REGISTER, scored)
    assert not fragile.promote
    assert fragile.conditions[3].figure == pytest.approx(-0.1)
    assert judge(model(4, robust=0.9), champion, CELLS, REGISTER, scored).promote


def test_a_drawn_champion_does_not_stand_in_the_way_of_real_cells() -> None:
    champion = model(0, name="version 1", drawn=True)
    verdict = judge(model(10), champion, CELLS, REGISTER, EVALUATE)
    assert verdict.promote
    assert "version 1 was trained on drawn cells" in verdict.reason


def test_drawn_cells_never_replace_a_champion_of_real_ones() -> None:
    verdict = judge(model(0, drawn=True), model(100, name="version 1"), CELLS, REGISTER, EVALUATE)
    assert not verdict.promote
    assert "drawn" in verdict.reason


def test_other_classes_are_for_a_person_to_decide() -> None:
    champion = model(100, name="version 1", classes=("a", "b", "z"))
    verdict = judge(model(0), champion, CELLS, REGISTER, EVALUATE)
    assert not verdict.promote
    assert "a person has to decide" in verdict.reason
