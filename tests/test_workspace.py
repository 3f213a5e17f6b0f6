import os
from pathlib import Path

import pytest

from giemsa.errors import UsageError
from giemsa.workspace import Workspace, check_writable, find_workspace, whole


def test_the_project_is_the_nearest_folder_upwards_with_params(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").touch()
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_workspace(inner).root == tmp_path


def test_without_a_project_the_folder_itself_is_one(tmp_path: Path) -> None:
    assert find_workspace(tmp_path).root == tmp_path


def test_the_tracking_address_is_absolute_unless_the_environment_names_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    assert Workspace(Path()).tracking_uri == f"sqlite:///{tmp_path.resolve()}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert Workspace(Path()).tracking_uri == "http://127.0.0.1:5000"


def test_a_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "report.json"
    with whole(target) as partial:
        partial.write_text("{}")
        assert not target.exists()
    assert target.read_text() == "{}"
    assert [path.name for path in target.parent.iterdir()] == ["report.json"]


def test_a_folder_replaces_the_one_before(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").touch()
    with whole(target) as partial:
        partial.mkdir()
        (partial / "new").touch()
    assert [path.name for path in target.iterdir()] == ["new"]


def test_a_file_never_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    (results / "thesis.txt").touch()

    def write() -> None:
        with whole(results) as partial:
            partial.write_text("{}")

    with pytest.raises(IsADirectoryError, match="results"):
        write()
    assert [path.name for path in results.iterdir()] == ["thesis.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


@pytest.mark.parametrize("place", ["folder", "file/found.json", "file/deeper/found.json", "folder/.."])
def test_a_place_that_takes_no_file_is_named_before_the_work(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=f"{place} cannot be written .*: give a file"):
        check_writable(tmp_path / "good.json", None, tmp_path / place)
    assert not (tmp_path / "good.json").exists()


def test_findings_replace_neither_a_source_nor_one_another_nor_a_pipe(tmp_path: Path) -> None:
    source, out, pipe = tmp_path / "cells.zip", tmp_path / "found.json", tmp_path / "pipe"
    source.touch()
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="stands for two things"):
        check_writable(source, sources=[str(source)])
    with pytest.raises(UsageError, match="stands for two things"):
        check_writable(out, tmp_path / "." / "found.json")
    with pytest.raises(UsageError, match="no regular file"):
        check_writable(pipe)
    check_writable(out, None, sources=[str(source), None])


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").touch()

    def write() -> None:
        with whole(target) as partial:
            partial.mkdir()
            (partial / "half").touch()
            message = "stopped"
            raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="stopped"):
        write()
    assert [path.name for path in target.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_leftovers_of_a_killed_process_are_cleared(tmp_path: Path) -> None:
    leftover = tmp_path / ".model.partial"
    leftover.mkdir()
    (leftover / "half").touch()
    with whole(tmp_path / "model") as partial:
        partial.mkdir()
    assert not list((tmp_path / "model").iterdir())
