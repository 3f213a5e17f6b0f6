"""The promotion gate: what a new model must show before it takes the champion's place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from giemsa.evaluation.comparison import Comparison, compare
from giemsa.evaluation.intervals import Estimate, interval, resampled
from giemsa.settings import Evaluate, Register

MOST_CORRUPTED = 300  # cells, spread evenly: enough to show a change of two hundredths, in seconds
LEAST_GROUPS = 10  # of test cells: fewer resample to an interval that says nothing
GUESSER = "the majority-class guesser"


@dataclass(frozen=True)
class HeldOut:
    """The cells that both models are judged by.

    Args:
        labels: true class indices, shape ``(n,)``.
        groups: of each cell what stays together, copies and one subject's cells; resampled as one.
        classes: class names, by index.
    """

    labels: NDArray[np.integer]
    groups: Sequence[str]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Contender:
    """A model before the gate.

    Args:
        name: what the verdict calls it, such as ``version 3``.
        drawn: trained on drawn cells, not real ones.
        classes: the classes it knows.
        probabilities: what it says about the test cells, shape ``(n, classes)``.
        rejected: which of them it takes for no cells, shape ``(n,)``.
        robustness: gives, for rows of the test cells, the share of each one's corrupted pictures that it
            answers rightly; called only where it counts, since it takes time.
    """

    name: str
    drawn: bool
    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]
    rejected: NDArray[np.bool_]
    robustness: Callable[[NDArray[np.integer]], NDArray[np.float64]]


@dataclass(frozen=True)
class Condition:
    """One thing a new model must show: a figure with its interval, the limit, and whether it holds."""

    name: str
    figure: float
    low: float
    high: float
    limit: float
    passed: bool
    meaning: str


@dataclass(frozen=True)
class Verdict:
    """Whether the new model becomes champion, against whom it stood, and why in one sentence."""

    promote: bool
    against: str
    reason: str
    conditions: tuple[Condition, ...] = ()


def judge(
    new: Contender, champion: Contender | None, cells: HeldOut, register: Register, evaluate: Evaluate
) -> Verdict:
    """Decide whether a new model takes the champion's place.

    A champion trained on drawn cells never stands in the way of a model trained on real ones, nor does a
    drawn-data model ever replace a real champion.
    """
    if champion is None or (champion.drawn and not new.drawn):
        conditions = _over_guessing(new, cells, register, evaluate)
        verdict = _verdict(new, GUESSER, conditions)
        if champion is None:
            return verdict
        reason = (
            f"{verdict.reason} {champion.name} was trained on drawn cells and is no measure for real ones."
        )
        return Verdict(verdict.promote, GUESSER, reason, conditions)
    if new.drawn and not champion.drawn:
        reason = f"{new.name} was trained on drawn cells and never replaces a champion trained on real ones."
        return Verdict(promote=False, against=champion.name, reason=reason)
    if new.classes != champion.classes:
        reason = f"{new.name} knows other classes than {champion.name}: a person has to decide."
        return Verdict(promote=False, against=champion.name, reason=reason)
    return _verdict(new, champion.name, _over_champion(new, champion, cells, register, evaluate))


def _over_guessing(
    new: Contender, cells: HeldOut, register: Register, evaluate: Evaluate
) -> tuple[Condition, ...]:
    most = np.bincount(cells.labels, minlength=len(cells.classes)).argmax()
    guesses = np.tile(np.eye(len(cells.classes))[most], (len(cells.labels), 1))
    compared = _compare(guesses, new.probabilities, cells, register, evaluate)
    return (_gain(compared.gains["macro_f1"], 0.0, GUESSER), _independent(cells))


def _over_champion(
    new: Contender, champion: Contender, cells: HeldOut, register: Register, evaluate: Evaluate
) -> tuple[Condition, ...]:
    compared = _compare(champion.probabilities, new.probabilities, cells, register, evaluate)
    conditions = (
        _gain(compared.gains["macro_f1"], register.min_gain, champion.name),
        _recall(compared, register.max_recall_loss),
        _not_worse(
            "calibration error change",
            compared.gains["ece"],
            good=-1,
            meaning="the calibration error (ECE) is not significantly larger",
        ),
    )
    others = (
        _not_worse(
            "cells rejected, change",
            _mean_change(
                new.rejected.astype(np.float64) - champion.rejected, cells.groups, register, evaluate
            ),
            good=-1,
            meaning="not significantly more of the real cells are rejected",
        ),
        _independent(cells),
    )
    if not evaluate.corruptions:
        return (*conditions, *others)
    count = len(cells.labels)
    rows = np.linspace(0, count - 1, min(count, MOST_CORRUPTED)).astype(int)
    change = new.robustness(rows) - champion.robustness(rows)
    robustness = _not_worse(
        "robustness change",
        _mean_change(change, [cells.groups[row] for row in rows], register, evaluate),
        good=1,
        meaning="the accuracy on corrupted pictures is not significantly lower",
    )
    return (*conditions, robustness, *others)


def _gain(gain: Estimate, limit: float, against: str) -> Condition:
    return Condition(
        "macro-F1 gain",
        *_rounded(gain),
        limit=limit,
        passed=gain.low > limit,
        meaning=f"the whole interval of the macro-F1 gained over {against} lies above the limit",
    )


def _independent(cells: HeldOut) -> Condition:
    count = float(len(set(cells.groups)))
    return Condition(
        "independent test cells",
        figure=count,
        low=count,
        high=count,
        limit=float(LEAST_GROUPS),
        passed=count >= LEAST_GROUPS,
        meaning="test cells, or patients where they are known, are enough to tell skill from luck",
    )


def _recall(compared: Comparison, limit: float) -> Condition:
    kind, worst = min(
        ((kind, change) for kind, change in compared.recall.items() if not np.isnan(change.value)),
        key=lambda change: change[1].value,
    )
    return Condition(
        "worst recall change",
        *_rounded(worst),
        limit=-limit,
        passed=worst.value >= -limit,
        meaning=f"no class loses more recall than the limit; {kind} changes worst",
    )


def _not_worse(name: str, change: Estimate, *, good: int, meaning: str) -> Condition:
    """Fail where the whole interval lies on the wrong side of 0; ``good`` is 1 or -1."""
    passed = change.high >= 0 if good > 0 else change.low <= 0
    return Condition(name, *_rounded(change), limit=0.0, passed=passed, meaning=meaning)


def _mean_change(
    change: NDArray[np.float64], groups: Sequence[str], register: Register, evaluate: Evaluate
) -> Estimate:
    resamples = resampled(groups, resamples=evaluate.resamples, seed=evaluate.seed)
    draws = np.concatenate([weights @ change / weights.sum(axis=1) for weights in resamples])
    return interval(float(change.mean()), draws, register.confidence)


def _verdict(new: Contender, against: str, conditions: tuple[Condition, ...]) -> Verdict:
    failed = [condition for condition in conditions if not condition.passed]
    gain = conditions[0]
    figures = f"macro-F1 gain {gain.figure:+.4f}, interval {gain.low:+.4f} to {gain.high:+.4f}"
    if not failed:
        return Verdict(True, against, f"{new.name} is better than {against} ({figures}).", conditions)
    faults = "; ".join(
        f"{fault.name} {fault.figure:+.4f} ({fault.low:+.4f} to {fault.high:+.4f}), limit {fault.limit:+.4f}"
        for fault in failed
    )
    return Verdict(False, against, f"{new.name} does not replace {against}: {faults}.", conditions)


def _compare(
    standing: NDArray[np.float64],
    new: NDArray[np.float64],
    cells: HeldOut,
    register: Register,
    evaluate: Evaluate,
) -> Comparison:
    return compare(
        cells.labels,
        cells.groups,
        standing,
        new,
        classes=cells.classes,
        resamples=evaluate.resamples,
        confidence=register.confidence,
        seed=evaluate.seed,
    )


def _rounded(estimate: Estimate) -> tuple[float, float, float]:
    return round(estimate.value, 6), round(estimate.low, 6), round(estimate.high, 6)
