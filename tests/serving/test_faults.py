"""What breaks behind the server: the model it has goes on answering, and nobody sees a traceback."""

import io
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow
from typer.testing import CliRunner

from giemsa.cli import app as cli
from giemsa.errors import UsageError
from giemsa.registry.connection import _connect
from giemsa.registry.prediction import Predictor, ResolvedModel
from giemsa.registry.promotion import move
from giemsa.registry.versions import resolve
from giemsa.serving.app import create_app
from giemsa.serving.following import Follower
from giemsa.settings import load_params
from giemsa.workspace import Workspace

NAME = "blood-cell-classifier"


def break_rejection(bundle: Path) -> None:
    """Leave it as a version of giemsa wrote it that knew other scores."""
    info = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps(info | {"rejection": {"energy": 1.0, "strangeness": 1.0}}))
    np.savez(bundle / "rejection.npz", means=np.zeros(3))


def break_thresholds(bundle: Path) -> None:
    info = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps(info | {"rejection": {"energy": None}}))
    ones, none = np.ones(37), np.zeros(1)
    np.savez(bundle / "rejection.npz", centre=ones, spread=ones, energy=none)


def break_classes(bundle: Path) -> None:
    info = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps(info | {"classes": ["ig", "monocyte"]}))


def break_format(bundle: Path) -> None:
    info = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps(info | {"format": 0}))


def break_network(bundle: Path) -> None:
    (bundle / "network.tflite").write_bytes(b"TFL3")


def break_everything(bundle: Path) -> None:
    shutil.rmtree(bundle)


FAULTS = (break_rejection, break_thresholds, break_classes, break_format, break_network, break_everything)


@pytest.fixture
def follower(registry: Workspace) -> Follower:
    return Follower("champion", registry)


@pytest.fixture
def client(registry: Workspace, follower: Follower, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr("giemsa.serving.following.EVERY_S", 3600.0)
    app = create_app(registry, follower, load_params(registry.params).serve)
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        follower._stopped.set()
        yield client


def picture() -> bytes:
    buffer = io.BytesIO()
    Pillow.new("RGB", (40, 40), (80, 100, 150)).save(buffer, "PNG")
    return buffer.getvalue()


def answers(client: TestClient) -> str:
    """Ask for one image; give the model that answered."""
    answer = client.post("/predict", files={"files": ("a.png", picture())})
    assert answer.status_code == 200
    assert answer.json()[0]["label"]
    return str(answer.headers["x-giemsa-model"])


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_model_is_one_sentence_at_the_command_line(
    tmp_path: Path, tiny_bundle: Path, fault: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bundle = shutil.copytree(tiny_bundle, tmp_path / "cnn")
    fault(bundle)
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "a.png").write_bytes(picture())
    done = CliRunner().invoke(cli, ["predict", "cells", "--model", "cnn", "--out", "out.csv"])
    assert isinstance(done.exception, UsageError)
    assert str(done.exception).endswith((".", "champion"))
    assert "\n" not in str(done.exception)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_champion_does_not_replace_the_one_that_answers(
    registry: Workspace, follower: Follower, client: TestClient, fault: Callable[[Path], None]
) -> None:
    fault(resolve("2", registry).bundle)
    move(registry, NAME, action="promote", version="2", why="Nobody knows that it is broken.")
    with pytest.raises(UsageError):
        follower.look()
    assert answers(client) == f"{NAME}/1"
    move(registry, NAME, action="rollback", version="1", why="It does not load.")
    follower.look()
    assert answers(client) == f"{NAME}/1"


def test_a_server_without_a_sound_model_does_not_start(registry: Workspace) -> None:
    break_network(resolve("1", registry).bundle)
    with pytest.raises(UsageError, match=r"network\.tflite .* cannot be read"):
        Follower("champion", registry)


def test_a_registry_that_is_gone_costs_the_list_of_models_and_nothing_else(
    registry: Workspace, follower: Follower, client: TestClient
) -> None:
    database = registry.root / "mlflow.db"
    database.write_bytes(b"this is no database" * 1000)
    listed = client.get("/models")
    assert listed.status_code == 503
    assert listed.json()["detail"] == "The registry cannot be asked now: try again later."
    with pytest.raises(UsageError, match="MLflow cannot be used at"):
        follower.look()
    assert answers(client) == f"{NAME}/1"
    assert client.get("/healthz").status_code == 200


def test_a_registry_that_never_answered_is_named_when_the_server_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    _connect.cache_clear()
    with pytest.raises(
        UsageError, match=r"MLflow cannot be used at http://127\.0\.0\.1:9 .*start its server"
    ):
        Follower("champion", Workspace(tmp_path))


def test_the_same_trouble_is_logged_once(
    follower: Follower, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reasons = iter(["no route", "no route", "no space"])

    def failing() -> None:
        try:
            raise OSError(next(reasons))
        except StopIteration:
            follower._stopped.set()

    monkeypatch.setattr("giemsa.serving.following.EVERY_S", 0.001)
    monkeypatch.setattr(follower, "look", failing)
    with caplog.at_level(logging.WARNING):
        follower._follow()
    assert [record.getMessage() for record in caplog.records] == [
        f"still serving {NAME}/1: no route",
        f"still serving {NAME}/1: no space",
    ]


def test_without_the_keras_network_there_are_scores_but_no_heat_maps(
    client: TestClient, follower: Follower
) -> None:
    (follower.current.model.bundle / "network.keras").unlink()
    drawn = client.post("/explain", files={"file": ("a.png", picture())})
    assert drawn.status_code == 503
    assert (
        drawn.json()["detail"] == "This model's heat maps cannot be drawn: its Keras network cannot be read."
    )
    assert answers(client) == f"{NAME}/1"


def test_what_nobody_foresaw_is_one_sentence_too(
    client: TestClient, follower: Follower, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Predictor(ResolvedModel(tiny_bundle, "tiny", "0" * 64))

    def failing(_: object) -> list[dict[str, object]]:
        message = "/secret/path"
        raise RuntimeError(message)

    monkeypatch.setattr(broken, "predict", failing)
    monkeypatch.setattr(follower, "current", broken)
    answer = client.post("/predict", files={"files": ("a.png", picture())})
    assert (answer.status_code, answer.json()) == (
        500,
        {"detail": "Something failed in the server: its log says what."},
    )
