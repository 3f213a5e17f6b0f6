"""Score the test split once with every model, and say how good each is and how sure that is."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from giemsa.errors import UsageError
from giemsa.evaluation import figures, results
from giemsa.evaluation.cells import read_side
from giemsa.evaluation.judging import judge
from giemsa.evaluation.report import card, page
from giemsa.evaluation.robustness import worsened
from giemsa.evaluation.scoring import Scorer
from giemsa.evaluation.suspects import suspects, write_suspects
from giemsa.evaluation.thumbnails import Thumbnail, galleries, mistakes
from giemsa.progress import say
from giemsa.settings import Evaluate, Image
from giemsa.training.bundle import load_network, read_history, read_seen
from giemsa.workspace import HEAD, MODELS, Workspace, whole


def run(workspace: Workspace, *, image: Image, evaluate: Evaluate) -> None:
    """Write ``reports/evaluation``: figures for programs, tables for DVC's plots, pages for people.

    Raises:
        UsageError: if no model was trained, or one for views of another size or on cells of the test side.
        CheckFailedError: if a side holds no cell, or a class that a model does not know.
    """
    scorers = {
        name: _scorer(workspace.model(name), image) for name in MODELS if workspace.model(name).is_dir()
    }
    if not scorers:
        message = f'{workspace.model("")} holds no trained model: run "giemsa run train" first.'
        raise UsageError(message)
    test, validation = (read_side(workspace, side, image) for side in ("test", "validation"))
    for name in scorers:
        if not read_seen(workspace.model(name)).isdisjoint(test.contents):
            message = (
                f"{workspace.model(name)} learned from cells of today's test side: "
                'run "dvc repro" to train it again.'
            )
            raise UsageError(message)
    suite = worsened(scorers, test, seed=evaluate.seed) if evaluate.corruptions else {}
    judgements = [
        judge(scorer, read_history(workspace.model(name)), test, validation, suite.get(name, ()), evaluate)
        for name, scorer in scorers.items()
    ]
    evaluation = results.conclude(judgements, test, validation, evaluate)
    with whole(workspace.evaluation) as folder:
        folder.mkdir()
        _write_numbers(folder, evaluation)
        doubted = _doubt(folder, scorers.get(HEAD), workspace, image)
        _write_pages(folder, evaluation, workspace, doubted)
    winner = evaluation.winner
    accuracy = winner.estimates["accuracy"].value
    say(f"evaluate: {winner.info.name} wins on the validation split; test accuracy {100 * accuracy:.1f}%")


def _scorer(bundle: Path, image: Image) -> Scorer:
    scorer = Scorer(bundle)
    if (scorer.image.size, scorer.image.crop_px) != (image.size, image.crop_px):
        message = (
            f'{bundle} was trained with other image.size or image.crop_px: run "dvc repro" to train it again.'
        )
        raise UsageError(message)
    return scorer


def _doubt(folder: Path, scorer: Scorer | None, workspace: Workspace, image: Image) -> list[Thumbnail] | None:
    """List labels that are likely wrong; only a frozen pretrained network is an impartial judge of them."""
    if scorer is None or not scorer.info.pretrained:
        return None
    sides = [read_side(workspace, side, image) for side in ("train", "validation")]
    found, shown = suspects(scorer, sides)
    write_suspects(folder / "label_errors.csv", found)
    return shown


def _write_numbers(folder: Path, evaluation: results.Evaluation) -> None:
    _write_json(folder / "metrics.json", results.metrics(evaluation))
    _write_json(folder / "details.json", results.details(evaluation))
    pq.write_table(results.predictions(evaluation), folder / "predictions.parquet", compression="zstd")
    for each in evaluation.judgements:
        _write_csv(folder / f"confusion-{each.info.name}.csv", results.confusion_rows(each, evaluation.test))
    _write_csv(folder / "learning.csv", results.learning_rows(evaluation.judgements))
    if evaluation.settings.corruptions:
        _write_csv(folder / "robustness.csv", results.robustness_rows(evaluation.judgements))


def _write_pages(
    folder: Path, evaluation: results.Evaluation, workspace: Workspace, doubted: list[Thumbnail] | None
) -> None:
    judgements, test, winner = evaluation.judgements, evaluation.test, evaluation.winner
    drawn = {
        "confusion": figures.confusions(judgements),
        "reliability": figures.reliabilities(
            judgements, [test.labels(each.info.classes) for each in judgements]
        ),
        "learning": figures.learning(judgements),
    }
    if evaluation.settings.corruptions:
        drawn["robustness"] = figures.robustness(judgements)
    (folder / "figures").mkdir()
    for name, content in drawn.items():
        (folder / "figures" / f"{name}.png").write_bytes(content)
    network = load_network(workspace.model(winner.info.name))
    report = page(evaluation, drawn, mistakes(winner, test, network), galleries(winner, test), doubted)
    (folder / "report.html").write_text(report, encoding="utf-8")
    for each in judgements:
        text = card(workspace, evaluation, each)
        (folder / f"model_card-{each.info.name}.md").write_text(text, encoding="utf-8")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
