"""A trained model is one version, found again by any of its names."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from giemsa.errors import UsageError
from giemsa.registry.connection import connect, experiment_id
from giemsa.registry.promotion import move
from giemsa.registry.versions import _fetch, champion, register_version, resolve, versions
from giemsa.training.bundle import read_info
from giemsa.workspace import Workspace

NAME = "blood-cell-classifier"


@pytest.fixture
def project(workspace: Workspace, project_params: Path) -> Workspace:
    shutil.copy(project_params, workspace.params)
    return workspace


def register(workspace: Workspace, bundle: Path, fingerprint: str = "f00d") -> str:
    tags = {"fingerprint": fingerprint, "git_commit": "abc"}
    return str(register_version(workspace, bundle, name=NAME, run_id=None, tags=tags).version)


def test_a_model_is_registered_once_with_its_tags(project: Workspace, tiny_bundle: Path) -> None:
    assert register(project, tiny_bundle) == "1"
    assert register(project, tiny_bundle) == "1"
    assert register(project, tiny_bundle, "beef") == "2"
    first = versions(connect(project), NAME)[0]
    assert first.tags["git_commit"] == "abc"
    assert first.tags["model_id"].startswith("m-")


def test_a_model_may_have_two_names_and_keeps_its_files_under_both(
    project: Workspace, tiny_bundle: Path
) -> None:
    register(project, tiny_bundle)
    register_version(project, tiny_bundle, name="other", run_id=None, tags={"fingerprint": "f00d"})
    one, other = (versions(connect(project), name)[0] for name in (NAME, "other"))
    assert one.source == other.source
    assert len(connect(project).search_logged_models([experiment_id(connect(project))])) == 1


def test_an_upload_that_was_killed_leaves_nothing_behind(project: Workspace, tiny_bundle: Path) -> None:
    client = connect(project)
    client.create_logged_model(experiment_id(client), "cnn", tags={"fingerprint": "f00d"})
    register(project, tiny_bundle)
    assert len(client.search_logged_models([experiment_id(client)])) == 1


@pytest.mark.parametrize(
    "reference",
    [f"models:/{NAME}@champion", f"models:/{NAME}/1", f"{NAME}@champion", f"{NAME}/1", "champion", "1"],
)
def test_every_spelling_finds_the_version(project: Workspace, tiny_bundle: Path, reference: str) -> None:
    register(project, tiny_bundle)
    move(project, NAME, action="promote", version="1", why="The first one.")
    found = resolve(reference, project)
    assert (found.version, found.data) == (f"{NAME}/1", "0" * 64)
    assert (found.bundle / "network.tflite").read_bytes() == (tiny_bundle / "network.tflite").read_bytes()


def test_a_folder_is_a_model_without_any_registry(tmp_path: Path, tiny_bundle: Path) -> None:
    assert resolve(str(tiny_bundle), Workspace(tmp_path)).bundle == tiny_bundle
    assert not (tmp_path / "mlflow.db").exists()


def test_a_downloaded_artifact_is_a_model_too(project: Workspace, tiny_bundle: Path) -> None:
    register(project, tiny_bundle)
    folder = resolve("1", project).bundle.parent.parent
    assert resolve(str(folder), project).bundle == folder / "artifacts" / "cnn"


def test_models_of_two_registries_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(source: str, dst_path: str, tracking_uri: str) -> None:
        Path(dst_path, "MLmodel").write_text(f"{tracking_uri} {source}")

    monkeypatch.setattr("mlflow.artifacts.download_artifacts", download)
    third: Any = SimpleNamespace(name=NAME, version="3", source="mlflow-artifacts:/1/model")
    for address in ("http://first:5000", "http://second:5000"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        told = (_fetch(third, Workspace(tmp_path)) / "MLmodel").read_text()
        assert told == f"{address} {third.source}"


@pytest.mark.parametrize(
    "reference", ["challenger", "7", "models:/other@champion", "../nowhere", "a b/c d/e"]
)
def test_an_unknown_model_is_one_sentence(project: Workspace, tiny_bundle: Path, reference: str) -> None:
    register(project, tiny_bundle)
    with pytest.raises(UsageError, match=f'There is no model "{reference}"'):
        resolve(reference, project)


def test_a_project_that_was_moved_finds_its_models(project: Workspace, tiny_bundle: Path) -> None:
    register(project, tiny_bundle)
    moved = Workspace(project.root.rename(project.root.with_name(f"{project.root.name}-moved")))
    bundle = resolve("1", moved).bundle
    assert bundle.is_relative_to(moved.root)
    assert read_info(bundle) == read_info(tiny_bundle)


def test_a_version_whose_files_are_gone_is_one_sentence(project: Workspace, tiny_bundle: Path) -> None:
    register(project, tiny_bundle)
    shutil.rmtree(project.root / "mlartifacts")
    with pytest.raises(UsageError, match=f"The files of {NAME}/1 cannot be read"):
        resolve("1", project)


def test_nobody_is_champion_before_the_first_promotion(project: Workspace, tiny_bundle: Path) -> None:
    assert champion(connect(project), NAME) is None
    register(project, tiny_bundle)
    assert champion(connect(project), NAME) is None


def test_the_artifact_scores_by_itself_with_its_own_code(project: Workspace, tiny_bundle: Path) -> None:
    register(project, tiny_bundle)
    move(project, NAME, action="promote", version="1", why="The first one.")
    code = f"""
import json, sys
import mlflow
model = mlflow.pyfunc.load_model("models:/{NAME}@champion")
import giemsa
row = model.predict([{{"image": b"no picture"}}]).iloc[0]
forbidden = sorted(set(sys.modules) & {{"tensorflow", "keras"}})
print(json.dumps([giemsa.__file__, row["model"], bool(row["rejected"]), row["data"], forbidden]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=project.root,
        env={"MLFLOW_TRACKING_URI": project.tracking_uri, "PATH": ""},
    )
    package, model, rejected, data, forbidden = json.loads(done.stdout)
    assert Path(package).is_relative_to(project.root / "mlartifacts")
    assert (model, rejected, data, forbidden) == (f"{NAME}/1", True, "0" * 64, [])
