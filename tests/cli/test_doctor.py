"""``giemsa doctor``: what is missing, and the mend."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from giemsa.cli.app import app
from giemsa.cli.doctor import examine
from giemsa.workspace import Workspace

PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(PARAMS, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("GIEMSA_WEIGHTS", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path


def test_a_bare_folder_lacks_dvc_images_and_weights_and_each_has_its_mend(project: Path) -> None:
    missing = [finding.sentence for finding in examine(Workspace(project)) if not finding.well]
    assert len(missing) == 3
    assert '"dvc init"' in missing[0]
    assert '"giemsa ingest SOURCE"' in missing[1]
    assert "let Keras download it" in missing[2]


def test_weights_that_keras_downloaded_before_are_there(project: Path) -> None:
    (project / "keras/models").mkdir(parents=True)
    (project / "keras/models/weights_mobilenet_v3_small_224_0.75_float_no_top_v2.h5").touch()
    said = [each.sentence for each in examine(Workspace(project)) if each.well]
    assert any(sentence.startswith("Pretrained weights for MobileNetV3Small-0.75: ") for sentence in said)


def test_what_is_there_is_well(project: Path) -> None:
    (project / ".dvc").mkdir()
    (project / "dvc.yaml").touch()
    (project / "data/raw/march").mkdir(parents=True)
    (project / "data/raw/march/_batch.parquet").touch()
    text = (project / "params.yaml").read_text(encoding="utf-8")
    (project / "params.yaml").write_text(text.replace("weights: imagenet", "weights: none"), encoding="utf-8")
    assert all(finding.well for finding in examine(Workspace(project)))


def test_wrong_parameters_are_the_one_thing_to_mend_first(project: Path) -> None:
    (project / "params.yaml").write_text("image: {size: 96}\n", encoding="utf-8")
    findings = list(examine(Workspace(project)))
    assert [finding.well for finding in findings] == [False]
    assert "train: missing" in findings[0].sentence


def test_mlflow_that_does_not_answer_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    missing = [finding.sentence for finding in examine(Workspace(project)) if not finding.well]
    assert any("MLflow cannot be used at http://127.0.0.1:9" in sentence for sentence in missing)


def test_ray_is_looked_for_where_it_is_asked_for(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (project / "params.yaml").read_text(encoding="utf-8")
    (project / "params.yaml").write_text(text.replace("engine: local", "engine: ray"), encoding="utf-8")
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    findings = list(examine(Workspace(project)))
    assert any(each.well and "computes at 10.0.0.1:6379" in each.sentence for each in findings)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    missing = [each.sentence for each in examine(Workspace(project)) if not each.well]
    assert any("compute.engine is ray, not installed" in sentence for sentence in missing)


@pytest.mark.usefixtures("project")
def test_something_missing_is_exit_code_1() -> None:
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert done.stdout.count("MISSING") == 3
