"""A project folder whose MLflow database is copied from one that was initialised once."""

import io
import shutil
import sqlite3
from pathlib import Path

import pytest
from PIL import Image

from giemsa.registry.connection import connect
from giemsa.workspace import Workspace


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        connect(Workspace(root))
    return root / "mlflow.db"


@pytest.fixture
def workspace(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute(
            "UPDATE experiments SET artifact_location = ?", ((tmp_path / "mlartifacts").as_uri(),)
        )
    return Workspace(tmp_path)


@pytest.fixture(scope="session")
def project_params() -> Path:
    """The project's own params.yaml."""
    return Path(__file__).parents[2] / "params.yaml"


@pytest.fixture(scope="session")
def picture() -> bytes:
    """One small encoded picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "purple").save(buffer, "PNG")
    return buffer.getvalue()
