"""One model judged: winner, robustness, orientations, figures and pictures of it."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from giemsa.data.curated import NO_SUBJECTS, read_splits
from giemsa.errors import CheckFailedError, UsageError
from giemsa.evaluation import figures, results
from giemsa.evaluation.cells import Cells, read_side
from giemsa.evaluation.corruption import FAMILIES
from giemsa.evaluation.intervals import Estimate
from giemsa.evaluation.judging import Judgement, choose, judge
from giemsa.evaluation.report import percent
from giemsa.evaluation.robustness import by_family, consistency, worsened
from giemsa.evaluation.scoring import Scorer
from giemsa.evaluation.thumbnails import galleries, mistakes
from giemsa.settings import Evaluate, Image
from giemsa.training.bundle import load_network, read_history
from giemsa.workspace import Workspace
from tests.evaluation.conftest import CLASSES, tiny_project

SETTINGS = Evaluate(resamples=100, confidence=0.9, corruptions=True, seed=1)
IMAGE = Image(size=32, crop_px=200, max_pixels=1_000_000, max_bytes=1_000_000)
PNG = b"\x89PNG\r\n"


@pytest.fixture(scope="module")
def judgement(tiny_bundle: Path, cells: Cells) -> Judgement:
    scorer = Scorer(tiny_bundle)
    suite = worsened({"cnn": scorer}, cells, seed=1)["cnn"]
    return judge(scorer, read_history(tiny_bundle), cells, cells, suite, SETTINGS)


def named(judgement: Judgement, name: str, validated: float, parameters: int = 10) -> Judgement:
    info = judgement.info.model_copy(update={"name": name, "parameters": parameters})
    return replace(judgement, info=info, validation_nll=validated)


def test_a_judgement_counts_every_cell_once(judgement: Judgement, cells: Cells) -> None:
    assert judgement.counts.sum() == len(cells.names)
    right = np.trace(judgement.counts) / len(cells.names)
    assert judgement.estimates["accuracy"].value == pytest.approx(right)


def test_the_suite_covers_each_family_at_five_severities(judgement: Judgement) -> None:
    assert [row.severity for row in judgement.worsened] == [1, 2, 3, 4, 5] * len(FAMILIES)
    means = by_family(judgement.worsened)
    assert list(means) == list(FAMILIES)
    first = [row.accuracy for row in judgement.worsened[:5]]
    assert means["pixelate"] == pytest.approx(np.mean(first))


def test_a_model_of_mean_colours_hardly_minds_how_a_cell_lies(tiny_bundle: Path, cells: Cells) -> None:
    found = consistency(Scorer(tiny_bundle), cells)
    assert 0 <= found.lowest_accuracy <= found.accuracy <= 1
    assert found.same_answer > 0.5


def test_the_winner_has_the_best_validation_score_and_is_never_the_frozen_head(judgement: Judgement) -> None:
    models = [
        named(judgement, "cnn", 0.1),
        named(judgement, "frozen-head", 0.01),
        named(judgement, "fine-tuned", 0.05),
    ]
    assert choose(models).info.name == "fine-tuned"
    assert choose(models[1:2]).info.name == "frozen-head"


def test_of_equal_models_the_smaller_one_wins(judgement: Judgement) -> None:
    models = [named(judgement, "cnn", 0.9, parameters=50), named(judgement, "fine-tuned", 0.9, parameters=40)]
    assert choose(models).info.name == "fine-tuned"


def test_models_are_compared_pair_by_pair(judgement: Judgement, cells: Cells) -> None:
    models = [named(judgement, name, 0.9) for name in ("cnn", "frozen-head", "fine-tuned")]
    evaluation = results.conclude(models, cells, cells, SETTINGS)
    assert set(evaluation.comparisons) == {("frozen-head", "fine-tuned"), ("cnn", "fine-tuned")}
    assert (
        results.details(evaluation)["comparisons"]["fine-tuned against cnn"]["gains"]["accuracy"]["value"]
        == 0
    )


def test_figures_are_png_bytes_and_repeat_exactly(judgement: Judgement, cells: Cells) -> None:
    labels = cells.labels(CLASSES)
    draw = (
        partial(figures.confusions, [judgement]),
        partial(figures.reliabilities, [judgement], [labels]),
        partial(figures.learning, [judgement]),
        partial(figures.robustness, [judgement]),
    )
    for each in draw:
        content = each()
        assert content.startswith(PNG)
        assert content == each()


def test_the_surest_mistakes_come_first_with_a_heat_map(
    judgement: Judgement, cells: Cells, tiny_bundle: Path
) -> None:
    shown = mistakes(judgement, cells, load_network(tiny_bundle))
    assert all(each.actual != each.answered for each in shown)
    sure = [each.confidence for each in shown]
    assert sure == sorted(sure, reverse=True)
    assert all(each.looked_at.startswith("data:image/jpeg") for each in shown)


def test_a_model_without_mistakes_shows_none(judgement: Judgement, cells: Cells) -> None:
    labels = cells.labels(CLASSES)
    perfect = replace(judgement, test=replace(judgement.test, labels=labels))
    assert mistakes(perfect, cells, network=None) == []


def test_a_gallery_shows_cells_of_every_class_from_unsure_to_sure(judgement: Judgement, cells: Cells) -> None:
    shown = galleries(judgement, cells)
    assert list(shown) == list(CLASSES)
    for name, members in shown.items():
        assert {each.actual for each in members} == {name}
        assert [each.confidence for each in members] == sorted(each.confidence for each in members)


def test_a_side_is_read_with_labels_and_groups(tiny_bundle: Path, tmp_path: Path) -> None:
    workspace = tiny_project(tmp_path, tiny_bundle)
    side = read_side(workspace, "test", IMAGE)
    assert side.views.shape == (40, 32, 32, 3)
    assert [CLASSES[label] for label in side.labels(CLASSES)] == list(side.names)
    assert side.drawn
    assert (
        list(side.groups)
        == read_splits(workspace.splits).set_index("path")["group"][list(side.paths)].tolist()
    )
    assert side.subjects == NO_SUBJECTS
    with pytest.raises(CheckFailedError, match="puts no cell on the holiday side"):
        read_side(workspace, "holiday", IMAGE)
    with pytest.raises(UsageError, match=r"splits\.parquet is missing"):
        read_side(Workspace(tmp_path / "empty"), "test", IMAGE)


def test_a_share_is_written_with_its_interval() -> None:
    assert percent(Estimate(0.9812, 0.9724, 0.989)) == "98.1% (97.2 to 98.9)"
