"""The register stage, whole: real scoring, a real registry, and a receipt that repeats itself."""

import io
import json
import shutil
from operator import itemgetter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow
from typer.testing import CliRunner

from giemsa.cli import models, track  # noqa: F401  (registers the commands)
from giemsa.cli.app import app
from giemsa.data.curated import write_curated, write_splits
from giemsa.errors import UsageError
from giemsa.settings import Params, load_params
from giemsa.stages.register import run
from giemsa.workspace import Workspace


def picture(shade: int) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(np.full((32, 32, 3), shade, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> Workspace:
    """A project whose evaluation chose the CNN, on test cells that are all platelets to it."""
    workspace = Workspace(tmp_path_factory.mktemp("project"))
    shutil.copytree(tiny_bundle, workspace.model("cnn"))
    shutil.copy(Path(__file__).parents[2] / "params.yaml", workspace.params)
    rows = [
        {
            "path": f"first/{index}.png",
            "label": ("ig", "platelet")[index % 2],
            "group": str(index),
            "subject": None,
            "batch": "first",
            "batch_order": 1,
            "drawn": False,
            "sha256": "0" * 64,
            "image": picture(20 * index),
        }
        for index in range(12)
    ]
    write_curated(workspace.curated, rows, itemgetter("image"))
    write_splits(workspace.splits, pd.DataFrame(rows)[["path", "label", "group"]].assign(side="test"))
    workspace.evaluation.mkdir(parents=True)
    metrics = {
        "winner": "cnn",
        "models": {"cnn": {"accuracy": 0.5}},
        "intervals": {"cnn": {"accuracy": [0.3, 0.7]}},
    }
    (workspace.evaluation / "metrics.json").write_text(json.dumps(metrics))
    return workspace


@pytest.fixture
def params(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(project.root)
    return load_params(project.params)


@pytest.fixture
def registered(project: Workspace, params: Params) -> Workspace:
    """The project after the stage; where a test before has run it, it finds its version again."""
    run(project, register=params.register_, evaluate=params.evaluate)
    return project


def test_the_receipt_names_version_decision_and_hashes_and_repeats_itself(
    registered: Workspace, params: Params
) -> None:
    project = registered
    first = project.registration.read_bytes()
    receipt = json.loads(first)
    assert (receipt["model"], receipt["version"]) == ("blood-cell-classifier", "1")
    # Who calls all cells platelets gains nothing over guessing; a person's promotion comes in a later test.
    assert receipt["decision"] == "challenger"
    assert not receipt["conditions"][0]["passed"]
    assert receipt["conditions"][0]["name"] == "macro-F1 gain"
    learnt_from = json.loads((project.model("cnn") / "bundle.json").read_text())["data"]
    assert receipt["tags"]["dvc_data_hash"] == learnt_from["curated"]
    run(project, register=params.register_, evaluate=params.evaluate)
    assert project.registration.read_bytes() == first


def test_without_an_evaluation_the_next_step_is_named(tmp_path: Path, params: Params) -> None:
    with pytest.raises(UsageError, match="giemsa run evaluate"):
        run(Workspace(tmp_path), register=params.register_, evaluate=params.evaluate)


@pytest.mark.usefixtures("registered")
class TestCommands:
    """What a person sees of the registry."""

    def test_track_brings_the_run_and_the_receipt_back(self, registered: Workspace) -> None:
        registered.registration.unlink()
        result = CliRunner().invoke(app, ["track"], catch_exceptions=False)
        assert "Runs in MLflow: cnn" in result.output
        assert json.loads(registered.registration.read_text())["version"] == "1"

    def test_list_shows_versions_with_figures_and_data(self) -> None:
        result = CliRunner().invoke(app, ["models", "list"], catch_exceptions=False)
        assert "blood-cell-classifier/1" in result.output
        assert "accuracy 0.5000 (0.3000-0.7000)" in result.output

    def test_a_person_promotes_and_the_history_tells(self) -> None:
        runner = CliRunner()
        done = runner.invoke(
            app, ["models", "promote", "1", "--why", "It was looked at."], catch_exceptions=False
        )
        assert "blood-cell-classifier/1 is champion" in done.output
        told = runner.invoke(app, ["models", "history"], catch_exceptions=False).output
        assert "It was looked at." in told
        assert "macro-F1 gain" in told

    def test_compare_shows_gains_with_intervals(self) -> None:
        result = CliRunner().invoke(app, ["models", "compare", "1", "models/cnn"], catch_exceptions=False)
        assert "on 12 test cells" in result.output
        assert "macro_f1              +0.0000  (+0.0000 to +0.0000)" in result.output

    def test_nothing_to_roll_back_to_is_one_sentence(self) -> None:
        result = CliRunner().invoke(app, ["models", "rollback"])
        assert isinstance(result.exception, UsageError)
