"""Bring models before the gate: each scores the test cells of today, as it would score a lab's."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from giemsa.evaluation.cells import Cells
from giemsa.evaluation.corruption import FAMILIES, corrupt
from giemsa.evaluation.scoring import Scorer
from giemsa.registry.gate import Contender
from giemsa.registry.prediction import ResolvedModel
from giemsa.settings import Image

SEVERITY = 3


def contender(model: ResolvedModel, name: str, read: Callable[[Image], Cells], *, seed: int) -> Contender:
    """Score the test cells with a model.

    Args:
        model: the model; its own settings say how a cell is prepared.
        name: what the verdict is to call it.
        read: gives the test cells, prepared as told.
        seed: of the corruptions, the same for every model.
    """
    scorer = Scorer(model.bundle)
    cells = read(scorer.image)

    def robustness(rows: NDArray[np.integer]) -> NDArray[np.float64]:
        labels = cells.labels(scorer.classes)[rows]
        worse = (corrupt(cells.views[rows], family, SEVERITY, seed) for family in sorted(FAMILIES))
        share: NDArray[np.float64] = np.mean(
            [scorer.score(views).labels == labels for views in worse], axis=0
        )
        return share

    scores = scorer.score(cells.views)
    return Contender(
        name, scorer.info.drawn, scorer.classes, scores.probabilities, scores.rejected, robustness
    )
