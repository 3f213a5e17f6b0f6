"""Judge one model on the test split: figures with intervals, the corruption suite, the orientations."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from giemsa.evaluation.cells import Cells
from giemsa.evaluation.intervals import Estimate, estimate
from giemsa.evaluation.metrics import confusion, measure
from giemsa.evaluation.robustness import Consistency, Worsened, consistency
from giemsa.evaluation.scoring import Scorer, Scores
from giemsa.settings import Evaluate
from giemsa.training.bundle import BundleInfo, Epoch
from giemsa.workspace import HEAD


@dataclass(frozen=True)
class Judgement:
    """All that was found out about one model.

    Args:
        info: what its folder says.
        history: its training, epoch by epoch.
        test: its scores on the test split.
        validation: its scores on the validation split.
        estimates: every measure on the test split, by name as ``metrics.measure`` gives them.
        counts: actual (rows) against answered (columns) cells.
        validation_nll: mean negative log-likelihood in nats, what the winner is chosen by.
        validation_macro_f1: 0..1.
        worsened: the corruption suite; empty where it was not asked for.
        consistency: the eight orientations.
    """

    info: BundleInfo
    history: tuple[Epoch, ...]
    test: Scores
    validation: Scores
    estimates: dict[str, Estimate]
    counts: NDArray[np.int64]
    validation_nll: float
    validation_macro_f1: float
    worsened: tuple[Worsened, ...]
    consistency: Consistency


def judge(
    scorer: Scorer,
    history: Sequence[Epoch],
    test: Cells,
    validation: Cells,
    suite: Sequence[Worsened],
    settings: Evaluate,
) -> Judgement:
    """Score both sides once, and measure; ``suite`` is the model's part of ``robustness.worsened``."""
    labels = test.labels(scorer.classes)
    scores, others = scorer.score(test.views), scorer.score(validation.views)
    validated = measure(validation.labels(scorer.classes), others.probabilities, scorer.classes)
    return Judgement(
        info=scorer.info,
        history=tuple(history),
        test=scores,
        validation=others,
        estimates=estimate(
            labels,
            test.groups,
            scores.probabilities,
            scorer.classes,
            resamples=settings.resamples,
            confidence=settings.confidence,
            seed=settings.seed,
        ),
        counts=confusion(labels, scores.labels, len(scorer.classes))[0].astype(np.int64),
        validation_nll=float(validated["nll"][0]),
        validation_macro_f1=float(validated["macro_f1"][0]),
        worsened=tuple(suite),
        consistency=consistency(scorer, test),
    )


def choose(judgements: Sequence[Judgement]) -> Judgement:
    """Choose the winner by negative log-likelihood on the validation split, never on the test split.

    It is a strictly proper score (Gneiting and Raftery 2007): unlike a count of right answers it tells near
    misses from confident mistakes, and so depends less on the chance of a cell or two. The frozen-head stage
    is the "before" of fine-tuning, no candidate, unless nothing else is there. Of equals the one with fewer
    parameters wins.
    """
    candidates = [each for each in judgements if each.info.name != HEAD] or list(judgements)
    return min(
        candidates,
        key=lambda each: (np.nan_to_num(each.validation_nll, nan=np.inf), each.info.parameters),
    )
