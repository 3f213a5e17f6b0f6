"""Is one model better than another on the same cells, and where is it worse?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from giemsa.evaluation.intervals import Estimate, gather, interval, resampled
from giemsa.evaluation.metrics import HEADLINE, measure


@dataclass(frozen=True)
class McNemar:
    """The exact test of whether two models err equally often.

    Args:
        only_a: cells that only the first model answers rightly.
        only_b: cells that only the second one does.
        p_value: two-sided, 0..1; small where the difference is hardly chance.
    """

    only_a: int
    only_b: int
    p_value: float


@dataclass(frozen=True)
class Comparison:
    """Differences "b minus a" on the same cells, with paired bootstrap intervals by group.

    Args:
        gains: each measure of ``metrics.HEADLINE``; above 0 is better for accuracy, macro-F1 and AUC, worse
            for ECE, Brier's score and the negative log-likelihood.
        recall: by class; below 0 where b misses cells that a found.
        mcnemar: of right and wrong answers; it takes cells as independent, unlike the intervals.
        cells: how many were compared.
        groups: groups among them, of copies or of a patient's cells.
        confidence: of the intervals, 0..1.
    """

    gains: dict[str, Estimate]
    recall: dict[str, Estimate]
    mcnemar: McNemar
    cells: int
    groups: int
    confidence: float

    def as_json(self) -> dict[str, Any]:
        """Give plain dictionaries and numbers."""
        return asdict(self)


def compare(
    labels: NDArray[np.integer],
    groups: Sequence[str],
    probabilities_a: NDArray[np.float64],
    probabilities_b: NDArray[np.float64],
    *,
    classes: Sequence[str],
    resamples: int,
    confidence: float,
    seed: int,
) -> Comparison:
    """Compare two models that scored the same cells.

    Args:
        labels: true class indices, shape ``(n,)``.
        groups: each cell's group, resampled as one.
        probabilities_a: of the standing model, shape ``(n, classes)``.
        probabilities_b: of the new one, same shape.
        classes: class names, one a column.
        resamples: bootstrap resamples; both models are measured on each.
        confidence: of the intervals, 0..1.
        seed: of the resamples.
    """
    both = (probabilities_a, probabilities_b)
    values = _gain(*(measure(labels, each, classes) for each in both))
    draws = gather(
        _gain(*(measure(labels, each, classes, weights) for each in both))
        for weights in resampled(groups, resamples=resamples, seed=seed)
    )
    gains = {name: interval(float(value[0]), draws[name], confidence) for name, value in values.items()}
    return Comparison(
        gains={name: gains[name] for name in HEADLINE},
        recall={kind: gains[f"recall.{kind}"] for kind in classes},
        mcnemar=mcnemar(*(each.argmax(axis=1) == labels for each in both)),
        cells=len(labels),
        groups=len(set(groups)),
        confidence=confidence,
    )


def mcnemar(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_]) -> McNemar:
    """Test on the cells where two models differ (McNemar 1947; the exact binomial form)."""
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    p_value = float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return McNemar(only_a, only_b, p_value)


def _gain(
    a: dict[str, NDArray[np.float64]], b: dict[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    return {name: b[name] - a[name] for name in a}
