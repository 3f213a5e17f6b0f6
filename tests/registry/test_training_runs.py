"""A trained model has one run, live or rebuilt."""

import json
import shutil
from pathlib import Path

import pytest

from giemsa.registry.connection import connect, experiment_id
from giemsa.registry.training_runs import (
    rebuild_runs,
    record_evaluation,
    run_of,
    training_fingerprint,
    training_run,
)
from giemsa.training.bundle import BundleInfo, read_info, write_info
from giemsa.workspace import Workspace


@pytest.fixture
def trained(workspace: Workspace, tiny_bundle: Path) -> Workspace:
    shutil.copytree(tiny_bundle, workspace.model("cnn"))
    return workspace


def losses(workspace: Workspace, info: BundleInfo) -> list[tuple[int, float]]:
    client = connect(workspace)
    run = run_of(client, info)
    assert run is not None
    return [(metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, "loss")]


def test_a_lost_run_is_rebuilt_from_the_models_folder_and_only_once(trained: Workspace) -> None:
    assert rebuild_runs(trained) == ["cnn"]
    rebuild_runs(trained)
    client = connect(trained)
    (run,) = client.search_runs([experiment_id(client)])
    assert (run.info.run_name, run.info.status) == ("cnn", "FINISHED")
    assert run.data.params == {"seed": "2024"}
    assert run.data.tags["curated"] == "0" * 64
    assert losses(trained, read_info(trained.model("cnn"))) == [(1, 2.1), (2, 1.9)]


def test_a_run_that_was_logged_live_is_not_rebuilt_a_second_time(trained: Workspace) -> None:
    info = read_info(trained.model("cnn"))
    with training_run(trained, info) as run:
        run.log(1, {"loss": 2.1})
        run.log(2, {"loss": 1.9})
    rebuild_runs(trained)
    assert losses(trained, info) == [(1, 2.1), (2, 1.9)]


def test_a_project_that_was_moved_writes_nothing_to_its_old_place(trained: Workspace) -> None:
    rebuild_runs(trained)
    moved = Workspace(trained.root.rename(trained.root.with_name(f"{trained.root.name}-moved")))
    rebuild_runs(moved)
    client = connect(moved)
    (run,) = client.search_runs([experiment_id(client)])
    assert run.info.artifact_uri.startswith(moved.root.resolve().as_uri())
    with training_run(moved, read_info(moved.model("cnn")), known=run) as live:
        live.artifact(moved.params if moved.params.is_file() else moved.model("cnn") / "history.csv")
    assert not trained.root.exists()


def test_nothing_trained_is_nothing_to_rebuild(workspace: Workspace) -> None:
    assert rebuild_runs(workspace) == []


def test_other_parameters_and_other_data_are_other_work(tiny_bundle: Path) -> None:
    info = read_info(tiny_bundle)
    other = info.model_copy(update={"params": {"seed": 1}})
    data = info.model_copy(update={"data": info.data.model_copy(update={"curated": "2" * 64})})
    assert len({training_fingerprint(one) for one in (info, other, data)}) == 3
    calibrated = info.model_copy(update={"temperature": 1.7})
    assert training_fingerprint(calibrated) == training_fingerprint(info)


def test_changed_parameters_do_not_find_the_old_run(trained: Workspace) -> None:
    rebuild_runs(trained)
    info = read_info(trained.model("cnn")).model_copy(update={"params": {"seed": 7}})
    assert run_of(connect(trained), info) is None
    write_info(trained.model("cnn"), info)
    rebuild_runs(trained)
    assert run_of(connect(trained), info) is not None


def test_other_splits_or_sizes_do_not_find_the_run_of_the_same_cells(trained: Workspace) -> None:
    rebuild_runs(trained)
    info = read_info(trained.model("cnn"))
    splits = info.model_copy(update={"data": info.data.model_copy(update={"splits": "2" * 64})})
    size = info.model_copy(update={"image": info.image.model_copy(update={"crop_px": 99})})
    assert [run_of(connect(trained), one) is None for one in (info, splits, size)] == [False, True, True]


def test_the_evaluation_is_added_to_the_run(trained: Workspace) -> None:
    rebuild_runs(trained)
    (trained.evaluation / "figures").mkdir(parents=True)
    (trained.evaluation / "figures" / "confusion.png").write_bytes(b"")
    (trained.evaluation / "model_card-cnn.md").write_text("# cnn")
    metrics = json.loads('{"models": {"cnn": {"accuracy": 0.9, "test_cells": 10}}}')
    for _ in range(2):
        record_evaluation(trained, metrics)
    client = connect(trained)
    run = run_of(client, read_info(trained.model("cnn")))
    assert run is not None
    assert len(client.get_metric_history(run.info.run_id, "test_accuracy")) == 1
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {"figures", "model_card-cnn.md"}
