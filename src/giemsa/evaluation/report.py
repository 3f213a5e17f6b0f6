"""The evaluation for people: one offline page for the lab, and a model card for each model."""

from typing import Any

import jinja2

from giemsa.errors import UsageError
from giemsa.evaluation.intervals import Estimate
from giemsa.evaluation.judging import Judgement
from giemsa.evaluation.metrics import HEADLINE, PER_CLASS
from giemsa.evaluation.results import Evaluation
from giemsa.evaluation.robustness import by_family
from giemsa.evaluation.thumbnails import Thumbnail
from giemsa.pages import render
from giemsa.workspace import Workspace

TITLES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "auc": "AUC, mean over classes",
    "ece": "calibration error (ECE)",
    "brier": "Brier score",
    "nll": "negative log-likelihood",
}
SHARES = ("accuracy", "macro_f1", "ece")


def page(
    evaluation: Evaluation,
    figures: dict[str, bytes],
    mistakes: list[Thumbnail],
    galleries: dict[str, list[Thumbnail]],
    doubted: list[Thumbnail] | None,
) -> str:
    """Render the report.

    Args:
        evaluation: what was found out.
        figures: PNG bytes by name: confusion, reliability, learning, robustness.
        mistakes: wrong answers on the test split.
        galleries: cells of each class.
        doubted: cells whose label is likely wrong; ``None`` where no model could judge labels.
    """
    return render(
        "evaluation.html",
        drawn=evaluation.test.drawn,
        evaluation=evaluation,
        winner=evaluation.winner,
        headline=[
            (TITLES[name], {each.info.name: _text(each, name) for each in evaluation.judgements})
            for name in HEADLINE
        ],
        classes=_class_rows(evaluation.winner),
        families={each.info.name: by_family(each.worsened) for each in evaluation.judgements},
        comparisons=[_compared(pair, found) for pair, found in evaluation.comparisons.items()],
        figures=figures,
        mistakes=mistakes,
        galleries=galleries,
        doubted=doubted,
        groups=len(set(evaluation.test.groups)),
    )


def card(workspace: Workspace, evaluation: Evaluation, judgement: Judgement) -> str:
    """Fill the project's own template ``mlflow/model_card.md.j2`` for one model.

    Raises:
        UsageError: if the template is missing or asks for what there is not.
    """
    path = workspace.model_card
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = lambda share: f"{100 * share:.1f}%"
    environment.filters["cell"] = lambda text: " ".join(str(text).replace("|", "\\|").split())
    try:
        template = environment.from_string(path.read_text(encoding="utf-8"))
        return template.render(
            info=judgement.info,
            judgement=judgement,
            evaluation=evaluation,
            headline=[(TITLES[name], _text(judgement, name)) for name in HEADLINE],
            classes=_class_rows(judgement),
            families=by_family(judgement.worsened),
            groups=len(set(evaluation.test.groups)),
        )
    except (OSError, jinja2.TemplateError) as error:
        message = f"{path} cannot be filled ({error}): restore it from git."
        raise UsageError(message) from None


def percent(estimate: Estimate) -> str:
    """Write a share with its interval: ``98.1% (97.2 to 98.9)``."""
    return f"{100 * estimate.value:.1f}% ({100 * estimate.low:.1f} to {100 * estimate.high:.1f})"


def _text(judgement: Judgement, name: str) -> str:
    estimate = judgement.estimates[name]
    if name in SHARES:
        return percent(estimate)
    return f"{estimate.value:.4f} ({estimate.low:.4f} to {estimate.high:.4f})"


def _class_rows(judgement: Judgement) -> list[dict[str, Any]]:
    counts = judgement.counts.sum(axis=1)
    return [
        {
            "name": kind,
            "cells": int(counts[index]),
            **{name: percent(judgement.estimates[f"{name}.{kind}"]) for name in PER_CLASS},
        }
        for index, kind in enumerate(judgement.info.classes)
    ]


def _compared(pair: tuple[str, str], found: Any) -> dict[str, Any]:
    gain = found.gains["macro_f1"]
    verdict = "better" if gain.low > 0 else "worse" if gain.high < 0 else "no clear difference"
    signed = f"{100 * gain.value:+.1f} points ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
    return {"first": pair[0], "second": pair[1], "gain": signed, "verdict": verdict, "mcnemar": found.mcnemar}
