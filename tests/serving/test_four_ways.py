"""One artifact, four ways of asking it, one answer."""

import base64
import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from giemsa.data.sources import open_source
from giemsa.registry.prediction import Predictor
from giemsa.registry.versions import resolve
from giemsa.serving.app import create_app
from giemsa.serving.following import Follower
from giemsa.serving.predicting import predict
from giemsa.settings import load_params
from giemsa.workspace import Workspace

pytestmark = pytest.mark.server

# MLflow starts its server by the name of a program that lies beside Python.
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
NAME = "blood-cell-classifier"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures as a lab has them, and one that is broken."""
    folder = tmp_path_factory.mktemp("images")
    for index, (side, ending) in enumerate(((32, "png"), (96, "jpg"), (360, "jpg"))):
        pixels = np.random.default_rng(index).integers(0, 255, (side, side, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Pillow.fromarray(pixels).save(buffer, {"png": "PNG", "jpg": "JPEG"}[ending])
        (folder / f"{index}.{ending}").write_bytes(buffer.getvalue())
    (folder / "3.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


@pytest.fixture(scope="module")
def expected(two_versions: Workspace, images: Path) -> list[dict[str, Any]]:
    """What ``giemsa predict`` writes."""
    predictor = Predictor(resolve("champion", two_versions))
    out = two_versions.root / "predictions.parquet"
    predict(open_source(images, predictor.scorer.image), predictor, out)
    rows: list[dict[str, Any]] = pq.read_table(out).to_pylist()
    assert len(rows) == 4
    return rows


@pytest.fixture(scope="module")
def served(two_versions: Workspace) -> Iterator[str]:
    """The address of ``mlflow models serve``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{NAME}@champion"]
    server = subprocess.Popen(
        [*command, "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)],
        env={**os.environ, "MLFLOW_TRACKING_URI": two_versions.tracking_uri, "PATH": PATH},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(900):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    """Leave the named columns out, and make the missing numbers of every format None."""
    return {key: None if value != value else value for key, value in row.items() if key not in names}  # noqa: PLR0124


def test_the_web_application_says_the_same(
    two_versions: Workspace, images: Path, expected: list[dict[str, Any]]
) -> None:
    app = create_app(two_versions, Follower("champion", two_versions), load_params(two_versions.params).serve)
    files = [("files", (file.name, file.read_bytes())) for file in sorted(images.iterdir())]
    with TestClient(app, base_url="http://localhost") as client:
        assert client.post("/predict", files=files).json() == expected


def test_a_loaded_pyfunc_says_the_same(
    two_versions: Workspace, images: Path, expected: list[dict[str, Any]]
) -> None:
    import mlflow
    import pandas as pd

    folder = resolve("champion", two_versions).bundle.parent.parent
    table = pd.DataFrame({"image": [file.read_bytes() for file in sorted(images.iterdir())]})
    rows = mlflow.pyfunc.load_model(str(folder)).predict(table).to_dict("records")
    assert [without(row, "model", "data") for row in rows] == [without(row, "path") for row in expected]


def test_mlflows_own_server_says_the_same(served: str, images: Path, expected: list[dict[str, Any]]) -> None:
    encoded = [[base64.b64encode(file.read_bytes()).decode()] for file in sorted(images.iterdir())]
    body = json.dumps({"dataframe_split": {"columns": ["image"], "data": encoded}}).encode()
    request = urllib.request.Request(served, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        rows = json.load(answer)["predictions"]
    assert rows[0]["model"] == f"{NAME}/1"
    assert [without(row, "model", "data") for row in rows] == [without(row, "path") for row in expected]
