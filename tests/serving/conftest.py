"""A folder of drawn pictures, an untrained model to score them with, and a registry that holds it twice."""

import io
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from giemsa.registry.prediction import Predictor, ResolvedModel
from giemsa.registry.promotion import move
from giemsa.registry.versions import register_version
from giemsa.settings import load_params
from giemsa.workspace import Workspace


def jpeg(seed: int, side: int = 32) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """Five pictures of two classes, one of them truncated."""
    folder = tmp_path / "cells"
    for index, kind in enumerate(("ig", "ig", "ig", "platelet", "platelet")):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        content = jpeg(index)
        (folder / kind / f"{index}.jpg").write_bytes(content[:200] if index == 1 else content)
    return folder


@pytest.fixture(scope="session")
def predictor(tiny_bundle: Path) -> Predictor:
    return Predictor(ResolvedModel(tiny_bundle, "tiny", "0" * 64))


@pytest.fixture(scope="module", autouse=True)
def _own_registry() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="session")
def two_versions(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> Workspace:
    """A registry with two versions, the first of them champion; ``registry`` is a copy that may change."""
    workspace = Workspace(tmp_path_factory.mktemp("registry"))
    shutil.copy(Path(__file__).parents[2] / "params.yaml", workspace.params)
    name = load_params(workspace.params).register_.model
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for fingerprint in ("first", "second"):
            register_version(
                workspace, tiny_bundle, name=name, run_id=None, tags={"fingerprint": fingerprint}
            )
        move(workspace, name, action="promote", version="1", why="The first one.")
    return workspace


@pytest.fixture
def registry(two_versions: Workspace, tmp_path: Path) -> Workspace:
    copy = Workspace(shutil.copytree(two_versions.root, tmp_path / "registry"))
    with sqlite3.connect(copy.root / "mlflow.db") as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for column in [column for _, column, *_ in database.execute(f"PRAGMA table_info({table})")]:
                database.execute(
                    f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE typeof({column}) = 'text'",
                    (str(two_versions.root), str(copy.root)),
                )
    return copy
