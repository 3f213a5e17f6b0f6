"""The evaluate stage: every figure, table and page of a tiny project."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from giemsa.errors import CheckFailedError, UsageError
from giemsa.evaluation.cells import read_side
from giemsa.evaluation.corruption import FAMILIES
from giemsa.settings import Evaluate, Image
from giemsa.stages.evaluate import run
from giemsa.training.bundle import read_info, write_info, write_seen
from giemsa.workspace import MODELS, Workspace
from tests.evaluation.conftest import tiny_project

IMAGE = Image(size=32, crop_px=200, max_pixels=1_000_000, max_bytes=1_000_000)
EVALUATE = Evaluate(resamples=100, confidence=0.95, corruptions=True, seed=1)
PLAIN = EVALUATE.model_copy(update={"corruptions": False})


@pytest.fixture(scope="module")
def workspace(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    project = tiny_project(tmp_path_factory.mktemp("project"), tiny_bundle)
    run(project, image=IMAGE, evaluate=EVALUATE)
    return project


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_metrics_hold_each_models_figures_with_intervals(workspace: Workspace) -> None:
    metrics = json.loads((workspace.evaluation / "metrics.json").read_text())
    assert metrics["winner"] in {"cnn", "fine-tuned"}
    assert metrics["drawn"] is True
    for name in MODELS:
        low, high = metrics["intervals"][name]["accuracy"]
        assert 0 <= low <= metrics["models"][name]["accuracy"] <= high <= 1
        assert 0 <= metrics["models"][name]["corrupted_accuracy"] <= 1


def test_predictions_name_every_validation_and_test_cell_once_for_each_model(workspace: Workspace) -> None:
    rows = pd.read_parquet(workspace.evaluation / "predictions.parquet")
    assert rows.groupby(["model", "split"]).size().to_dict() == {
        (name, side): 40 for name in MODELS for side in ("test", "validation")
    }
    chances = rows[[column for column in rows if str(column).startswith("p_")]]
    assert chances.sum(axis=1).round(6).eq(1).all()


def test_metrics_agree_with_the_predictions(workspace: Workspace) -> None:
    metrics = json.loads((workspace.evaluation / "metrics.json").read_text())
    rows = pd.read_parquet(workspace.evaluation / "predictions.parquet")
    test = rows[(rows["model"] == "cnn") & (rows["split"] == "test")]
    accuracy = (test["label"] == test["predicted"]).mean()
    assert metrics["models"]["cnn"]["accuracy"] == pytest.approx(accuracy, abs=1e-6)


def test_tables_of_confusion_learning_and_robustness_have_their_columns(workspace: Workspace) -> None:
    confusion = pd.read_csv(workspace.evaluation / "confusion-cnn.csv")
    assert list(confusion) == ["actual", "predicted"]
    learning = pd.read_csv(workspace.evaluation / "learning.csv")
    assert {"model", "epoch", "val_macro_f1"} <= set(learning)
    robustness = pd.read_csv(workspace.evaluation / "robustness.csv")
    assert len(robustness) == len(MODELS) * len(FAMILIES) * 5


def test_the_report_stands_alone_and_says_that_the_cells_are_drawn(workspace: Workspace) -> None:
    page = (workspace.evaluation / "report.html").read_text()
    assert "Drawn, not real" in page
    assert "http" not in page.replace("http-equiv", "")
    assert all(f'id="{part}"' in page for part in ("figures", "classes", "mistakes", "robustness", "gallery"))


def test_each_model_has_a_card_with_its_limits(workspace: Workspace) -> None:
    for name in MODELS:
        card = (workspace.evaluation / f"model_card-{name}.md").read_text()
        assert card.startswith(f"# Model card: {name}\n")
        assert "The set carries no patient identifiers: the split cannot be by patient." in card
        assert "Drawn, not real" in card
        assert "| macro-F1 |" in card


def test_a_second_run_gives_the_same_bytes(workspace: Workspace) -> None:
    before = everything(workspace.evaluation)
    run(workspace, image=IMAGE, evaluate=EVALUATE)
    assert everything(workspace.evaluation) == before


def test_without_the_corruption_suite_and_with_one_model_the_report_still_stands(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    project = tiny_project(tmp_path, tiny_bundle)
    for name in ("frozen-head", "fine-tuned"):
        shutil.rmtree(project.model(name))
    run(project, image=IMAGE, evaluate=PLAIN)
    assert not (project.evaluation / "robustness.csv").exists()
    assert "cnn wins" in (project.evaluation / "report.html").read_text()


def test_what_is_missing_or_does_not_fit_is_named(tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no trained model"):
        run(Workspace(tmp_path / "empty"), image=IMAGE, evaluate=PLAIN)
    project = tiny_project(tmp_path / "project", tiny_bundle)
    with pytest.raises(UsageError, match=r"trained with other image\.size"):
        run(project, image=IMAGE.model_copy(update={"size": 64}), evaluate=PLAIN)
    (project.root / "mlflow" / "model_card.md.j2").unlink()
    with pytest.raises(UsageError, match=r"model_card\.md\.j2 cannot be filled"):
        run(project, image=IMAGE, evaluate=PLAIN)
    assert not project.evaluation.exists()


def test_a_model_that_learned_from_a_test_cell_is_not_judged_by_it(tiny_bundle: Path, tmp_path: Path) -> None:
    project = tiny_project(tmp_path, tiny_bundle)
    write_seen(project.model("cnn"), [read_side(project, "test", IMAGE).contents[0]])
    with pytest.raises(UsageError, match="cnn learned from cells of today's test side"):
        run(project, image=IMAGE, evaluate=PLAIN)


def test_a_class_that_the_model_does_not_know_fails_the_check(tiny_bundle: Path, tmp_path: Path) -> None:
    project = tiny_project(tmp_path, tiny_bundle)
    for name in MODELS:
        file = project.model(name) / "bundle.json"
        file.write_text(file.read_text().replace('"monocyte"', '"mast cell"'))
    with pytest.raises(CheckFailedError, match="knows no class monocyte"):
        run(project, image=IMAGE, evaluate=PLAIN)


def test_labels_are_doubted_only_where_a_pretrained_base_can_judge_them(
    workspace: Workspace, tmp_path: Path
) -> None:
    assert not (workspace.evaluation / "label_errors.csv").exists()
    assert "Labels that may be wrong" not in (workspace.evaluation / "report.html").read_text()
    project = Workspace(tmp_path / "project")
    shutil.copytree(workspace.root, project.root)
    frozen = project.model("frozen-head")
    write_info(frozen, read_info(frozen).model_copy(update={"pretrained": True}))
    run(project, image=IMAGE, evaluate=PLAIN)
    rows = pd.read_csv(project.evaluation / "label_errors.csv")
    assert list(rows) == ["path", "label", "likely", "own", "other"]
    assert (rows["label"] != rows["likely"]).all()
    splits = pd.read_parquet(project.splits)
    assert not set(rows["path"]) & set(splits.loc[splits["side"] == "test", "path"])
    assert "Labels that may be wrong" in (project.evaluation / "report.html").read_text()
