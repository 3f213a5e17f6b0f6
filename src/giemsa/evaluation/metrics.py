"""How good predictions are: every measure at once, for any number of weightings of the cells."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from giemsa.training.calibration import BINS, bin_of

HEADLINE = ("accuracy", "macro_f1", "auc", "ece", "brier", "nll")
PER_CLASS = ("precision", "recall", "f1", "auc")
SMALLEST = 1e-12


def measure(
    labels: NDArray[np.integer],
    probabilities: NDArray[np.float64],
    classes: Sequence[str],
    weights: NDArray[np.float32] | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Compute every measure under each of ``r`` weightings of the cells, such as bootstrap resamples.

    Follows scikit-learn's definitions: macro-F1 averages over the classes that occur among labels or answers,
    precision is 0 where a class is never answered; recall and AUC are NaN where a class, or its contrary,
    does not occur. AUC is one-vs-rest, its headline value the mean over classes. ECE has 15 equal bins
    (Guo et al. 2017). Brier's score is the squared error summed over classes.

    Args:
        labels: true class indices, shape ``(n,)``.
        probabilities: shape ``(n, classes)``, rows sum to 1.
        classes: class names, one a column.
        weights: shape ``(r, n)``, not negative; None for one weighting in which every cell counts once.

    Returns:
        Values of shape ``(r,)`` by name: those of ``HEADLINE``, and ``recall.basophil`` and the like for each
        measure of ``PER_CLASS`` and each class.
    """
    if weights is None:
        weights = np.ones((1, len(labels)), np.float32)
    total = weights.sum(axis=1, dtype=np.float64)
    per_class = _per_class(confusion(labels, probabilities.argmax(axis=1), len(classes), weights))
    per_class["auc"] = np.stack(
        [_auc(labels == index, probabilities[:, index], weights) for index in range(len(classes))], axis=1
    )
    true = np.eye(len(classes))[labels]
    likelihood = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    values = {
        "accuracy": _mean(probabilities.argmax(axis=1) == labels, weights, total),
        "macro_f1": _nanmean(per_class["f1"]),
        "auc": _nanmean(per_class["auc"]),
        "ece": _expected_calibration_error(labels, probabilities, weights, total),
        "brier": _mean(((probabilities - true) ** 2).sum(axis=1), weights, total),
        "nll": _mean(-np.log(np.maximum(likelihood, SMALLEST)), weights, total),
    }
    for name in PER_CLASS:
        per_class[name] = np.nan_to_num(per_class[name]) if name == "precision" else per_class[name]
        values |= {f"{name}.{kind}": per_class[name][:, index] for index, kind in enumerate(classes)}
    return values


def confusion(
    labels: NDArray[np.integer],
    answers: NDArray[np.integer],
    classes: int,
    weights: NDArray[np.float32] | None = None,
) -> NDArray[np.float64]:
    """Count actual (rows) against answered (columns), shape ``(r, classes, classes)``; see ``measure``."""
    if weights is None:
        weights = np.ones((1, len(labels)), np.float32)
    cell_of = np.eye(classes * classes, dtype=np.float32)[labels * classes + answers]
    return (weights @ cell_of).astype(np.float64).reshape(-1, classes, classes)


def _per_class(counts: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    right = np.diagonal(counts, axis1=1, axis2=2)
    actual, answered = counts.sum(axis=2), counts.sum(axis=1)
    return {
        "precision": _share(right, answered),
        "recall": _share(right, actual),
        "f1": _share(2 * right, actual + answered),
    }


def _auc(
    positive: NDArray[np.bool_], scores: NDArray[np.float64], weights: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Give the weighted area under the ROC curve, ties counting half: the Mann-Whitney statistic."""
    order = np.argsort(scores, kind="stable")
    ranked, ordered = scores[order], weights[:, order]
    positives = np.where(positive[order], ordered, 0)
    below = np.cumsum(ordered - positives, axis=1, dtype=np.float64)
    below = np.concatenate([np.zeros((len(weights), 1)), below], axis=1)
    first, last = np.searchsorted(ranked, ranked, "left"), np.searchsorted(ranked, ranked, "right")
    rank = (below[:, first] + below[:, last]) / 2
    return _share((positives * rank).sum(axis=1), positives.sum(axis=1, dtype=np.float64) * below[:, -1])


def _expected_calibration_error(
    labels: NDArray[np.integer],
    probabilities: NDArray[np.float64],
    weights: NDArray[np.float32],
    total: NDArray[np.float64],
) -> NDArray[np.float64]:
    confidence = probabilities.max(axis=1)
    gap = confidence - (probabilities.argmax(axis=1) == labels)
    bins = np.eye(BINS)[bin_of(confidence)]
    error: NDArray[np.float64] = np.abs(weights @ (bins * gap[:, None])).sum(axis=1) / total
    return error


def _mean(
    values: NDArray[np.float64] | NDArray[np.bool_],
    weights: NDArray[np.float32],
    total: NDArray[np.float64],
) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = weights @ values.astype(np.float64) / total
    return mean


def _share(part: NDArray[np.float64], of: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, of, out=np.full_like(of, np.nan), where=of > 0)


def _nanmean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over the classes that occur, NaN where none does."""
    known = ~np.isnan(values)
    return _share(np.where(known, values, 0).sum(axis=1), known.sum(axis=1).astype(np.float64))
