"""Whatever is sent, the server neither breaks nor talks: no 5xx, no path, no traceback, but a sentence."""

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from giemsa.serving.app import create_app
from giemsa.serving.following import Follower
from giemsa.settings import Serve
from giemsa.workspace import Workspace
from tests.serving.hostile import corpus

LIMITS = Serve(max_files=50, max_bytes=20_000_000, max_requests=4, max_seconds=30.0)
LEAK = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|/(?:work|home|root|tmp|usr)/|0x[0-9a-f]{6}|object at|NoneType"
)
PROMISES = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
CORPUS = corpus()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="module")
def client(workspace: Workspace, tiny_bundle: Path) -> Iterator[TestClient]:
    app = create_app(workspace, Follower(str(tiny_bundle), workspace), LIMITS)
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def api(client: TestClient) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", client.app, headers={"host": "localhost"})


ADDRESSES = [
    ("GET", "/healthz"),
    ("GET", "/metrics"),
    ("GET", "/models"),
    ("POST", "/corrections"),
    ("POST", "/explain"),
    ("POST", "/predict"),
]


def test_every_address_of_the_document_is_tried(api: Any) -> None:
    found = [operation.ok() for operation in api.get_all_operations()]
    assert sorted((one.method.upper(), one.path) for one in found) == ADDRESSES


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_the_interface_keeps_what_its_document_promises(
    api: Any, method: str, path: str, mode: GenerationMode
) -> None:
    @given(case=api[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=40,
        derandomize=True,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        answer = case.call_and_validate(base_url="http://localhost", checks=PROMISES)
        check(answer.status_code, answer.text, answer.headers.get("content-type", [""])[0])

    with contextlib.suppress(Unsatisfiable):  # without a parameter there is no wrong one
        ask()


@pytest.mark.parametrize("name", CORPUS)
def test_no_picture_breaks_it(client: TestClient, name: str) -> None:
    judged = client.post("/predict", files={"files": (name, CORPUS[name])})
    assert judged.status_code == 200
    (row,) = judged.json()
    assert row["label"] or (row["rejected"] and row["reason"] and not LEAK.search(row["reason"])), row
    drawn = client.post("/explain", files={"file": (name, CORPUS[name])})
    assert drawn.status_code == (200 if row["label"] else 422)
    if drawn.status_code == 422:
        check(422, drawn.text, "application/json")


@pytest.mark.parametrize("name", [name for name in CORPUS if "scratched" not in name])
def test_only_what_can_be_read_gets_into_the_inbox(
    client: TestClient, workspace: Workspace, name: str
) -> None:
    shutil.rmtree(workspace.inbox, ignore_errors=True)
    (row,) = client.post("/predict", files={"files": (name, CORPUS[name])}).json()
    form = {"label": "ig", "who": "Ada"}
    answer = client.post("/corrections", files={"file": (f"../{name}", CORPUS[name])}, data=form)
    check(answer.status_code, answer.text, "application/json")
    assert answer.status_code == (201 if row["label"] else 422)
    kept = [file.parent.name for file in workspace.inbox.glob("*/*")]
    assert kept == (["ig"] if row["label"] else [])


@pytest.mark.parametrize(
    "path",
    ["/static/%00", "/static/../app.py", "/static/%2e%2e/app.py", "/static/" + "x" * 5000, "/%ff"],
)
def test_no_address_breaks_it(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in {404, 405}
    check(answer.status_code, answer.text, "application/json")


def check(status: int, text: str, kind: str) -> None:
    assert status < 500
    if status >= 400:
        assert not LEAK.search(text), text
        assert kind == "application/json"
        assert re.fullmatch(r'\{"detail":"[A-Z].*\."\}', text, re.DOTALL), text
