"""What the server answers, and what it refuses, always with one sentence."""

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from giemsa.data.sources import open_source
from giemsa.registry.prediction import Content, Predictor, Row
from giemsa.serving.app import create_app
from giemsa.serving.following import Follower
from giemsa.settings import Serve
from giemsa.workspace import Workspace

LIMITS = Serve(max_files=5, max_bytes=100_000, max_requests=4, max_seconds=30.0)


def picture(seed: int) -> bytes:
    buffer = io.BytesIO()
    Pillow.new("RGB", (40, 40), (seed * 20 % 256, 100, 150)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def client(workspace: Workspace, tiny_bundle: Path) -> Iterator[TestClient]:
    with TestClient(
        create_app(workspace, Follower(str(tiny_bundle), workspace), LIMITS), base_url="http://localhost"
    ) as client:
        yield client


def upload(*contents: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("files", (f"{index}.png", content)) for index, content in enumerate(contents)]


def test_predictions_come_in_the_files_order_with_predicts_columns(
    client: TestClient, predictor: Predictor
) -> None:
    contents: list[Content] = [picture(1), b"no picture", picture(2)]
    answer = client.post("/predict", files=upload(picture(1), b"no picture", picture(2)))
    assert answer.status_code == 200
    expected: list[Row] = predictor.predict(contents)
    assert answer.json() == [{"path": f"{index}.png", **row} for index, row in enumerate(expected)]
    assert answer.json()[1]["rejected"] is True
    assert answer.headers["x-giemsa-data"] == "0" * 64


def test_hostile_names_and_contents_are_answered_not_obeyed(client: TestClient, workspace: Workspace) -> None:
    bomb = b"\x89PNG\r\n\x1a\n" + b"\0" * 50
    names = ["../../etc/passwd", "<script>.jpg", "a\x00b", "=cmd|' /C calc'!A0"]
    files = [("files", (name, bomb)) for name in names]
    answer = client.post("/predict", files=files)
    assert answer.status_code == 200
    assert all(row["rejected"] for row in answer.json())
    assert list(workspace.root.iterdir()) == []


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"url": "/predict"}, 422),
        ({"url": "/predict", "json": {"files": 1}}, 422),
        ({"url": "/predict", "content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400),
        ({"url": "/predict", "files": upload(*[b"x"] * 6)}, 413),
        ({"url": "/predict", "files": upload(b"x" * 100_001)}, 413),
        ({"url": "/predict", "files": upload(b"x"), "headers": {"origin": "http://evil.example"}}, 403),
        ({"url": "/predict", "files": upload(b"x"), "headers": {"origin": "http://[::1"}}, 403),
        ({"url": "http://evil.example/predict", "files": upload(b"x")}, 403),
        ({"url": "/explain", "files": {"file": ("x.png", b"x")}}, 422),
        (
            {"url": "/corrections", "files": {"file": ("x.png", b"x")}, "data": {"label": "ig", "who": "a"}},
            422,
        ),
        ({"url": "/nowhere"}, 404),
    ],
)
def test_every_refusal_is_a_sentence(client: TestClient, request_: dict[str, Any], status: int) -> None:
    answer = client.post(**request_)
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)


def test_more_images_than_a_form_may_hold_are_too_many(workspace: Workspace, tiny_bundle: Path) -> None:
    wide = LIMITS.model_copy(update={"max_bytes": 10_000_000, "max_files": 1_000})
    app = create_app(workspace, Follower(str(tiny_bundle), workspace), wide)
    with TestClient(app, base_url="http://localhost") as client:
        answer = client.post("/predict", files=upload(*[b"x"] * 1_001))
    assert (answer.status_code, answer.json()["detail"][:22]) == (413, "More than 1,000 images")


def test_a_model_folder_may_have_any_name(workspace: Workspace, tiny_bundle: Path) -> None:
    folder = workspace.root / "Färbung"
    shutil.copytree(tiny_bundle, folder)
    app = create_app(workspace, Follower(str(folder), workspace), LIMITS)
    with TestClient(app, base_url="http://localhost") as client:
        answer = client.post("/predict", files=upload(picture(1)))
    assert answer.status_code == 200
    assert answer.headers["x-giemsa-model"].endswith("F%C3%A4rbung")


def test_an_upload_without_a_length_is_counted_as_it_comes(client: TestClient) -> None:
    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="x.png"\r\n\r\n'
        for _ in range(30):
            yield b"x" * 10_000

    answer = client.post(
        "/predict", content=body(), headers={"content-type": "multipart/form-data; boundary=b"}
    )
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert client.post("/predict", files=upload(picture(1))).status_code == 200


def test_a_token_guards_everything_but_page_documentation_and_health(
    workspace: Workspace, tiny_bundle: Path
) -> None:
    app = create_app(workspace, Follower(str(tiny_bundle), workspace), LIMITS, token="secret ü")
    with TestClient(app, base_url="http://lab.example") as client:
        assert client.get("/").status_code == client.get("/healthz").status_code == 200
        for path in ("/static/app.js", "/docs", "/openapi.json"):
            assert client.get(path).status_code == 200
        for path in ("/models", "/metrics"):
            assert client.get(path).status_code == 401
        refused = client.post("/predict", files=upload(picture(1)), headers={"authorization": "Bearer wrong"})
        assert refused.status_code == 401
        given = {"authorization": "Bearer secret ü".encode()}
        good = client.post("/predict", files=upload(picture(1)), headers=given)
        assert good.status_code == 200


def test_a_corrected_cell_waits_in_the_inbox_for_the_next_ingest(
    client: TestClient, workspace: Workspace, predictor: Predictor
) -> None:
    file = {"file": ("slide 7/cell.png", picture(3))}
    for label in ("ig", "monocyte"):
        answer = client.post("/corrections", files=file, data={"label": label, "who": "=Dr. Ada\n"})
        assert answer.status_code == 201
    (item,) = open_source(workspace.inbox, predictor.scorer.image).items()
    assert (item.label, item.content) == ("monocyte", picture(3))
    with (workspace.inbox / "corrections.csv").open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [line["label"] for line in lines] == ["ig", "monocyte"]
    assert lines[1]["who"] == "Dr. Ada"
    assert lines[1]["name"] == "slide 7/cell.png"
    assert lines[1]["when"].endswith("+00:00")
    assert lines[1]["data"] == "0" * 64


@pytest.mark.parametrize(("label", "who"), [("unicorn", "Ada"), ("ig", "  "), ("../../ig", "Ada")])
def test_a_wrong_correction_leaves_no_trace(
    client: TestClient, workspace: Workspace, label: str, who: str
) -> None:
    answer = client.post(
        "/corrections", files={"file": ("c.png", picture(3))}, data={"label": label, "who": who}
    )
    assert answer.status_code == 422
    assert not workspace.inbox.exists()


def test_a_heat_map_is_a_picture(client: TestClient) -> None:
    answer = client.post("/explain", files={"file": ("c.png", picture(3))})
    assert answer.headers["content-type"] == "image/png"
    assert Pillow.open(io.BytesIO(answer.content)).size == (32, 32)


def test_health_names_the_model_and_metrics_count_images(client: TestClient) -> None:
    client.post("/predict", files=upload(picture(1), b"junk"))
    assert client.get("/healthz").json()["status"] == "ok"
    text = client.get("/metrics").text
    assert 'giemsa_images_total{outcome="rejected"} 1.0' in text
    assert 'giemsa_requests_total{path="/predict",status="200"} 1.0' in text
    assert client.get("/models").json()[0]["serving"] is True


def test_page_and_documentation_load_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/", "/docs", "/static/app.js", "/static/app.css"):
        answer = client.get(path)
        assert answer.status_code == 200
        outside = [
            part for part in ("https://", "http://") if part in answer.text.replace("http://127.0.0.1", "")
        ]
        assert not outside
        assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "POST /predict" in client.get("/docs").text
