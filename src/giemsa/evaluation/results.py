"""The evaluation's results as tables and numbers that other programs read."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from giemsa.evaluation.cells import Cells
from giemsa.evaluation.comparison import Comparison, compare
from giemsa.evaluation.intervals import Estimate
from giemsa.evaluation.judging import Judgement, choose
from giemsa.evaluation.metrics import HEADLINE, PER_CLASS
from giemsa.evaluation.robustness import by_family
from giemsa.evaluation.scoring import Scores
from giemsa.settings import Evaluate

DIGITS = 6
PAIRS = (
    ("frozen-head", "fine-tuned"),
    ("cnn", "fine-tuned"),
    ("cnn", "ensemble"),
    ("fine-tuned", "ensemble"),
)


@dataclass(frozen=True)
class Evaluation:
    """What the evaluation found out.

    Args:
        judgements: one for each model.
        winner: chosen on the validation split.
        comparisons: by the pair's names, differences are "second minus first".
        test: the cells that the figures are about.
        validation: the cells that the winner was chosen by.
        settings: the section of ``params.yaml``.
    """

    judgements: tuple[Judgement, ...]
    winner: Judgement
    comparisons: dict[tuple[str, str], Comparison]
    test: Cells
    validation: Cells
    settings: Evaluate


def conclude(
    judgements: Sequence[Judgement], test: Cells, validation: Cells, settings: Evaluate
) -> Evaluation:
    """Choose the winner, and compare the models pair by pair on the test split."""
    by_name = {each.info.name: each for each in judgements}
    comparisons = {
        (first, second): compare(
            test.labels(by_name[first].info.classes),
            test.groups,
            by_name[first].test.probabilities,
            by_name[second].test.probabilities,
            classes=by_name[first].info.classes,
            resamples=settings.resamples,
            confidence=settings.confidence,
            seed=settings.seed,
        )
        for first, second in PAIRS
        if first in by_name and second in by_name
    }
    return Evaluation(tuple(judgements), choose(judgements), comparisons, test, validation, settings)


def metrics(evaluation: Evaluation) -> dict[str, Any]:
    """Give what ``dvc metrics show`` shows: the winner's name and each model's headline figures.

    Intervals are lists ``[low, high]``, which DVC passes over and other programs read.
    """
    found: dict[str, Any] = _rounded(
        {
            "winner": evaluation.winner.info.name,
            "drawn": evaluation.test.drawn,
            "test_cells": len(evaluation.test.names),
            "models": {each.info.name: _headline(each) for each in evaluation.judgements},
            "confidence": evaluation.settings.confidence,
            "intervals": {
                each.info.name: {name: _ends(each.estimates[name]) for name in HEADLINE}
                for each in evaluation.judgements
            },
        }
    )
    return found


def details(evaluation: Evaluation) -> dict[str, Any]:
    """Give everything else that was measured, model by model, and the comparisons."""
    found: dict[str, Any] = _rounded(
        {
            "models": {each.info.name: _everything(each) for each in evaluation.judgements},
            "comparisons": {
                f"{second} against {first}": comparison.as_json()
                for (first, second), comparison in evaluation.comparisons.items()
            },
        }
    )
    return found


def predictions(evaluation: Evaluation) -> pa.Table:
    """Give one row for each model and cell of the test and validation splits."""
    return pa.concat_tables(
        [
            _predicted(each, side, cells, scores)
            for each in evaluation.judgements
            for side, cells, scores in (
                ("test", evaluation.test, each.test),
                ("validation", evaluation.validation, each.validation),
            )
        ]
    )


def confusion_rows(judgement: Judgement, test: Cells) -> list[dict[str, Any]]:
    """Give actual and answered class of every test cell, as ``dvc plots`` draws a confusion matrix from."""
    answers = [judgement.info.classes[label] for label in judgement.test.labels]
    return [{"actual": name, "predicted": answer} for name, answer in zip(test.names, answers, strict=True)]


def learning_rows(judgements: Sequence[Judgement]) -> list[dict[str, Any]]:
    """Give every epoch of every model."""
    return [{"model": each.info.name, **asdict(epoch)} for each in judgements for epoch in each.history]


def robustness_rows(judgements: Sequence[Judgement]) -> list[dict[str, Any]]:
    """Give every model's figures under every corruption."""
    rows = [{"model": each.info.name, **asdict(row)} for each in judgements for row in each.worsened]
    return [_rounded(row) for row in rows]


def _headline(judgement: Judgement) -> dict[str, float]:
    figures = {name: judgement.estimates[name].value for name in HEADLINE}
    figures["rejected"] = float(judgement.test.rejected.mean())
    figures["same_answer_turned"] = judgement.consistency.same_answer
    figures["validation_nll"] = judgement.validation_nll
    figures["validation_macro_f1"] = judgement.validation_macro_f1
    if families := by_family(judgement.worsened):
        figures["corrupted_accuracy"] = float(np.mean(list(families.values())))
        figures["corrupted_worst_family"] = min(families.values())
        figures["corrupted_ece"] = float(np.mean([row.ece for row in judgement.worsened]))
    return figures


def _everything(judgement: Judgement) -> dict[str, Any]:
    return {
        "weights": judgement.info.weights,
        "pretrained": judgement.info.pretrained,
        "data": judgement.info.data.model_dump(),
        "parameters": judgement.info.parameters,
        "temperature": judgement.info.temperature,
        "classes": {
            kind: {name: asdict(judgement.estimates[f"{name}.{kind}"]) for name in PER_CLASS}
            for kind in judgement.info.classes
        },
        "headline": {name: asdict(judgement.estimates[name]) for name in HEADLINE},
        "confusion": judgement.counts.tolist(),
        "corrupted_accuracy": by_family(judgement.worsened),
        "consistency": asdict(judgement.consistency),
    }


def _predicted(judgement: Judgement, side: str, cells: Cells, scores: Scores) -> pa.Table:
    n = len(cells.paths)
    columns = {
        "model": [judgement.info.name] * n,
        "split": [side] * n,
        "path": cells.paths,
        "label": cells.names,
        "group": cells.groups,
        "predicted": [judgement.info.classes[label] for label in scores.labels],
        "confidence": scores.confidence,
        "rejected": scores.rejected,
        "reason": scores.reasons,
    }
    for index, kind in enumerate(judgement.info.classes):
        columns[f"p_{kind}"] = scores.probabilities[:, index]
    return pa.table(columns)


def _ends(estimate: Estimate) -> list[float]:
    return [estimate.low, estimate.high]


def _rounded(value: Any) -> Any:
    """Round for a person's eye; what is unknown becomes null, since JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, DIGITS)
    return value
