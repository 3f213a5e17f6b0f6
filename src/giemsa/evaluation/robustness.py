"""How a model holds up when pictures get worse, or are merely turned round."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from giemsa.evaluation.cells import Cells
from giemsa.evaluation.corruption import FAMILIES, SEVERITIES, corrupt
from giemsa.evaluation.metrics import measure
from giemsa.evaluation.scoring import Scorer, orientations
from giemsa.progress import track


@dataclass(frozen=True)
class Worsened:
    """One model on one family of corruption at one severity; shares lie in 0..1.

    Args:
        family: a name of ``corruption.FAMILIES``.
        severity: 1..5.
        accuracy: share of right answers, rejected cells included.
        macro_f1: F1, averaged over classes.
        ece: expected calibration error.
        rejected: share of cells that the model declined to judge.
    """

    family: str
    severity: int
    accuracy: float
    macro_f1: float
    ece: float
    rejected: float


@dataclass(frozen=True)
class Consistency:
    """A model on the same cells in eight orientations.

    Args:
        same_answer: share of cells with one answer whichever way they lie.
        accuracy: mean over the orientations.
        lowest_accuracy: of the worst orientation.
    """

    same_answer: float
    accuracy: float
    lowest_accuracy: float


def worsened(scorers: Mapping[str, Scorer], cells: Cells, *, seed: int) -> dict[str, list[Worsened]]:
    """Score the whole corruption suite with every model; each picture is worsened once for all of them."""
    found: dict[str, list[Worsened]] = {name: [] for name in scorers}
    suite = [(family, severity) for family in FAMILIES for severity in SEVERITIES]
    for family, severity in track(suite, "corruption suite"):
        views = corrupt(cells.views, family, severity, seed)
        for name, scorer in scorers.items():
            found[name].append(_measured(scorer, views, cells, family, severity))
    return found


def consistency(scorer: Scorer, cells: Cells) -> Consistency:
    """Score the cells in all eight orientations."""
    answers = np.stack([scorer.score(turned).labels for turned in orientations(cells.views)])
    accuracy = (answers == cells.labels(scorer.classes)).mean(axis=1)
    return Consistency(
        same_answer=float((answers == answers[0]).all(axis=0).mean()),
        accuracy=float(accuracy.mean()),
        lowest_accuracy=float(accuracy.min()),
    )


def by_family(rows: Sequence[Worsened]) -> dict[str, float]:
    """Average the accuracy over severities, family by family; empty without a suite."""
    names = dict.fromkeys(row.family for row in rows)
    return {name: float(np.mean([row.accuracy for row in rows if row.family == name])) for name in names}


def _measured(scorer: Scorer, views: NDArray[np.uint8], cells: Cells, family: str, severity: int) -> Worsened:
    scores = scorer.score(views)
    values = measure(cells.labels(scorer.classes), scores.probabilities, scorer.classes)
    accuracy, macro_f1, ece = (float(values[name][0]) for name in ("accuracy", "macro_f1", "ece"))
    return Worsened(family, severity, accuracy, macro_f1, ece, rejected=float(scores.rejected.mean()))
