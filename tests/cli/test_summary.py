"""``giemsa summary``: the outcome in short."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from giemsa.cli.app import app
from giemsa.errors import UsageError
from giemsa.registry.connection import connect
from giemsa.workspace import Workspace

PARAMS = Path(__file__).parents[2] / "params.yaml"
IMAGES = {
    "images": 110,
    "unreadable": 3,
    "kept": 80,
    "dropped": 27,
    "dropped_junk": 20,
    "dropped_conflict": 2,
    "dropped_copies": 4,
}
METRICS = {
    "winner": "cnn",
    "drawn": True,
    "test_cells": 8,
    "confidence": 0.95,
    "models": {"cnn": {"accuracy": 0.9751, "macro_f1": 0.9623, "ece": 0.01}},
    "intervals": {"cnn": {"accuracy": [0.965, 0.985], "macro_f1": [0.95, 0.975], "ece": [0.0, 0.02]}},
}
RECEIPT = {
    "model": "blood-cell-classifier",
    "version": "3",
    "decision": "challenger",
    "reason": "It gains nothing over version 2.",
}


@pytest.fixture
def project(tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    shutil.copy(PARAMS, tmp_path)
    workspace = Workspace(tmp_path)
    shutil.copytree(tiny_bundle, workspace.model("cnn"))
    for path, content in (
        (workspace.duplicates / "summary.json", IMAGES),
        (workspace.evaluation / "metrics.json", METRICS),
        (workspace.registration, RECEIPT),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return workspace


@pytest.mark.usefixtures("project")
def test_it_says_what_was_dropped_how_good_the_models_are_and_what_was_registered() -> None:
    said = " ".join(CliRunner().invoke(app, ["summary"]).stdout.split())
    for piece in (
        "Drawn, not real",
        "found │ 110",
        "cannot be read │ 3",
        "junk that repeats │ 20",
        "same cell under two labels │ 2",
        "copies of a kept image │ 4",
        "dropped by a person │ 1",
        "kept │ 80",
        "97.5% (96.5% to 98.5%)",
        "96.2% (95.0% to 97.5%)",
        "random, trained from scratch",
        "blood-cell-classifier version 3, challenger. It gains nothing over version 2.",
        "reports/evaluation/report.html",
    ):
        assert piece in said


def test_a_champion_made_since_is_named(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    client = connect(project)
    client.create_registered_model("blood-cell-classifier")
    for number in ("1", "2", "3"):
        client.create_model_version("blood-cell-classifier", project.root.as_uri())
        client.set_registered_model_alias("blood-cell-classifier", "champion", number)
        said = " ".join(CliRunner().invoke(app, ["summary"], catch_exceptions=False).stdout.split())
        assert ("Since then version 3 became champion" in said) == (number == "3")


def test_before_the_first_run_it_names_the_command_to_run(project: Workspace) -> None:
    project.registration.unlink()
    done = CliRunner().invoke(app, ["summary"])
    assert isinstance(done.exception, UsageError)
    assert 'run "dvc repro"' in str(done.exception)
