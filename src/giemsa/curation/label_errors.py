"""Point at cells whose class is likely wrong: confident learning on out-of-fold probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FOLDS = 5
PENALTY = 0.01  # on weights, against the mean loss of a cell: wrong labels are not learnt by heart
STEPS = 300
SEED = 2024


@dataclass(frozen=True)
class LabelError:
    """A cell that its label likely does not fit.

    Args:
        path: the cell.
        label: the class it carries.
        likely: the class it likely is.
        own: out-of-fold probability of ``label``, 0..1.
        other: out-of-fold probability of ``likely``, 0..1.
    """

    path: str
    label: str
    likely: str
    own: float
    other: float


def label_errors(
    paths: Sequence[str], labels: Sequence[str], groups: Sequence[str], features: NDArray[np.float32]
) -> list[LabelError]:
    """List the cells whose label is likely wrong, the surest first.

    What a network that was trained on these very labels says of them proves nothing. So each cell is judged
    by a logistic regression that saw neither it nor its copies. Features should not know the labels either:
    those of a pretrained network whose convolutions stayed frozen do not.

    Args:
        paths: the cells.
        labels: their classes; classes in fewer than ``FOLDS`` groups are left out.
        groups: cells that must be judged together, such as copies.
        features: of a network's penultimate layer, shape ``(n, d)``.
    """
    names = np.array(labels, dtype=str)
    together = np.array(groups, dtype=str)
    usual = [name for name in np.unique(names) if len(np.unique(together[names == name])) >= FOLDS]
    rows = np.flatnonzero(np.isin(names, usual))
    if len(usual) < 2:  # noqa: PLR2004 - with one class there is nothing to mistake it for
        return []
    given = np.searchsorted(usual, names[rows])
    probabilities = out_of_fold(features[rows], given, together[rows])
    likely = confident_classes(probabilities, given)
    found = [
        LabelError(
            paths[rows[each]],
            usual[given[each]],
            usual[likely[each]],
            round(float(probabilities[each, given[each]]), 4),
            round(float(probabilities[each, likely[each]]), 4),
        )
        for each in np.flatnonzero(likely != given)
    ]
    return sorted(found, key=lambda error: (error.own - error.other, error.path))


def out_of_fold(
    features: NDArray[np.float32], labels: NDArray[np.int64], groups: NDArray[np.str_]
) -> NDArray[np.float64]:
    """Give each row's class probabilities by a logistic regression that saw nothing of its group.

    Args:
        features: shape ``(n, d)``.
        labels: class indices from 0 on, each in ``FOLDS`` groups at least, shape ``(n,)``.
        groups: shape ``(n,)``.

    Returns:
        Shape ``(n, classes)``; rows sum to 1.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probabilities = np.zeros((len(labels), int(labels.max()) + 1))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    for learn, judge in folds.split(features, labels, groups):
        strength = 1 / (PENALTY * len(learn))
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=STEPS))
        model.fit(features[learn], labels[learn])
        probabilities[np.ix_(judge, model.classes_)] = model.predict_proba(features[judge])
    return probabilities


def confident_classes(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the class that each row confidently is, or its own label where it is none.

    Northcutt, Jiang and Chuang, "Confident learning", Journal of Artificial Intelligence Research 70, 2021:
    a row counts for a class when its probability reaches the mean of the rows that carry this label; of
    several classes the most probable one. What lies off the diagonal of the joint counts is suspected.

    Args:
        probabilities: out of fold, shape ``(n, classes)``.
        labels: class indices, each of them used, shape ``(n,)``.

    Returns:
        Shape ``(n,)``.
    """
    classes = range(probabilities.shape[1])
    threshold = np.array([probabilities[labels == each, each].mean() for each in classes])
    reached = np.where(probabilities >= threshold, probabilities, -1.0)
    likely: NDArray[np.int64] = np.where(reached.max(axis=1) < 0, labels, reached.argmax(axis=1))
    return likely
