"""One run per piece of work, whatever happens to the work."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from giemsa.errors import UsageError
from giemsa.registry.connection import connect, experiment_id
from giemsa.registry.tracking import Run, find_run, flat, stage_run
from giemsa.workspace import Workspace

WORK: dict[str, Any] = {
    "fingerprint": "f00d",
    "params": {"train": {"seed": 1}},
    "tags": {"giemsa.data": "abc.dir"},
}


def history(workspace: Workspace, key: str) -> list[tuple[int, float]]:
    client = connect(workspace)
    found = find_run(client, "f00d")
    assert found is not None
    return [(metric.step, metric.value) for metric in client.get_metric_history(found.info.run_id, key)]


def count(workspace: Workspace) -> int:
    client = connect(workspace)
    return len(client.search_runs([experiment_id(client)]))


def test_a_run_holds_params_tags_epochs_and_artifacts(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "figure.txt").write_text("a figure")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "table.csv").write_text("a,b")
    with stage_run(workspace, "cnn", **WORK) as run:
        run.log(0, {"loss": 2.0})
        run.log(1, {"loss": 1.0})
        run.artifact(tmp_path / "figure.txt")
        run.artifact(tmp_path / "folder", "tables")
    found = find_run(connect(workspace), "f00d")
    assert found is not None
    assert (found.info.status, found.info.run_name) == ("FINISHED", "cnn")
    assert found.data.params == {"train.seed": "1"}
    assert found.data.tags["giemsa.data"] == "abc.dir"
    assert history(workspace, "loss") == [(0, 2.0), (1, 1.0)]
    kept = sorted(path.name for path in (tmp_path / "mlartifacts").rglob("*.*"))
    assert kept == ["figure.txt", "table.csv"]


def test_a_finished_run_keeps_its_tags_and_receives_those_it_lacks(workspace: Workspace) -> None:
    with stage_run(workspace, "cnn", **WORK):
        pass
    with stage_run(workspace, "cnn", **{**WORK, "tags": {"giemsa.data": "other.dir", "later": "yes"}}):
        pass
    found = find_run(connect(workspace), "f00d")
    assert found is not None
    assert (found.data.tags["giemsa.data"], found.data.tags["later"]) == ("abc.dir", "yes")


def test_a_killed_run_is_taken_up_again_without_doubled_epochs(workspace: Workspace) -> None:
    def interrupted() -> None:
        with stage_run(workspace, "cnn", **WORK) as run:
            run.log(0, {"loss": 2.0})
            run.log(1, {"loss": 1.5})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    killed = find_run(connect(workspace), "f00d")
    assert killed is not None
    assert killed.info.status == "KILLED"
    with stage_run(workspace, "cnn", **WORK) as run:
        assert run.id == killed.info.run_id
        for step, loss in enumerate((2.0, 1.0, 0.5)):
            run.log(step, {"loss": loss})
    assert count(workspace) == 1
    # Epoch 0 came out equal and stands once; epoch 1 came out otherwise, and the later one is shown.
    assert history(workspace, "loss") == [(0, 2.0), (1, 1.5), (1, 1.0), (2, 0.5)]


def test_a_failed_run_says_so(workspace: Workspace) -> None:
    def failing() -> None:
        with stage_run(workspace, "cnn", **WORK):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    found = find_run(connect(workspace), "f00d")
    assert found is not None
    assert found.info.status == "FAILED"


def test_a_finished_run_is_not_made_again_and_keeps_its_end(workspace: Workspace) -> None:
    with stage_run(workspace, "cnn", **WORK) as run:
        run.log(0, {"loss": 2.0})
    before = find_run(connect(workspace), "f00d")
    with stage_run(workspace, "cnn", **WORK) as run:
        run.log(0, {"loss": 2.0})
    after = find_run(connect(workspace), "f00d")
    assert before is not None
    assert after is not None
    assert (after.info.run_id, after.info.end_time) == (before.info.run_id, before.info.end_time)
    assert history(workspace, "loss") == [(0, 2.0)]
    assert count(workspace) == 1


def test_other_work_is_another_run(workspace: Workspace) -> None:
    with stage_run(workspace, "cnn", **WORK), stage_run(workspace, "cnn", **{**WORK, "fingerprint": "beef"}):
        pass
    assert count(workspace) == 2


def test_training_goes_on_when_mlflow_stops_answering(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        message = "the disk is full"
        raise MlflowException(message)

    with stage_run(workspace, "cnn", **WORK) as run:
        monkeypatch.setattr(run.client, "log_batch", fail)
        run.log(0, {"loss": 2.0})
        run.log(1, {"loss": 1.0})
        monkeypatch.undo()
    assert capsys.readouterr().err.count("the disk is full") == 1


@pytest.mark.parametrize("address", ["http://user:secret@127.0.0.1:9", "nonsense://here"])
def test_an_unreachable_mlflow_is_one_sentence_without_the_password(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(UsageError, match=r"MLflow cannot be used at .*MLFLOW_TRACKING_URI") as raised:
        connect(Workspace(tmp_path))
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlflow.db").write_text("no database" * 200)
    with pytest.raises(UsageError, match="file is not a database"):
        connect(Workspace(tmp_path))


def test_the_database_lies_in_the_project_and_is_made_once(workspace: Workspace) -> None:
    assert connect(workspace) is connect(workspace)
    with sqlite3.connect(workspace.root / "mlflow.db") as database:
        assert database.execute("SELECT name FROM experiments WHERE name = 'giemsa'").fetchall() == [
            ("giemsa",)
        ]


def test_nested_parameters_become_dotted_names() -> None:
    assert dict(flat({"a": {"b": 1, "c": {"d": 2}}, "e": 3})) == {"a.b": 1, "a.c.d": 2, "e": 3}


def test_a_run_writes_only_what_it_does_not_hold(workspace: Workspace) -> None:
    with stage_run(workspace, "cnn", **WORK) as run:
        run.log(0, {"loss": 2.0})
        again = Run(run.client, run.id, {("loss", 0): 2.0})
        again.log(0, {"loss": 2.0, "accuracy": 0.5})
    assert history(workspace, "loss") == [(0, 2.0)]
    assert history(workspace, "accuracy") == [(0, 0.5)]
