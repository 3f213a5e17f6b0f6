"""What a request may cost, and how it is told that it asked for more."""

import asyncio
import io
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image as Pillow

from giemsa.registry.prediction import Row
from giemsa.serving.app import create_app
from giemsa.serving.following import Follower
from giemsa.settings import Serve
from giemsa.workspace import Workspace

IMAGE = {"files": ("a.png", b"x")}


class Held:
    """A model that answers when it is told to."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.released = threading.Event()

    def predict(self, contents: list[bytes]) -> list[Row]:
        self.asked.set()
        self.released.wait(30)
        return [{"label": "ig", "confidence": 1.0, "rejected": False, "reason": ""} for _ in contents]


@pytest.fixture
def held() -> Iterator[Held]:
    held = Held()
    yield held
    held.released.set()


def app_with(held: Held, folder: Path, bundle: Path, serve: Serve, patch: pytest.MonkeyPatch) -> FastAPI:
    follower = Follower(str(bundle), Workspace(folder))
    patch.setattr(follower.current, "predict", held.predict)
    return create_app(Workspace(folder), follower, serve)


def connected(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://lab")


def test_more_requests_than_allowed_are_told_to_come_back(
    held: Held, tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve = Serve(max_files=5, max_bytes=1_000_000, max_requests=1, max_seconds=30.0)
    app = app_with(held, tmp_path, tiny_bundle, serve, monkeypatch)

    async def crowd() -> tuple[httpx.Response, httpx.Response, httpx.Response, httpx.Response]:
        async with connected(app) as client:
            first = asyncio.create_task(client.post("/predict", files=IMAGE))
            await asyncio.to_thread(held.asked.wait, 30)
            second = await client.post("/predict", files=IMAGE)
            health = await client.get("/healthz")
            held.released.set()
            return await first, second, health, await client.post("/predict", files=IMAGE)

    first, second, health, third = asyncio.run(crowd())
    assert (first.status_code, third.status_code, health.status_code) == (200, 200, 200)
    assert (second.status_code, second.headers["retry-after"]) == (429, "1")
    assert second.json()["detail"] == "Too many requests at once: try again in a second."


def test_a_request_that_takes_too_long_is_ended(
    held: Held, tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve = Serve(max_files=5, max_bytes=1_000_000, max_requests=1, max_seconds=0.2)
    app = app_with(held, tmp_path, tiny_bundle, serve, monkeypatch)

    async def wait() -> httpx.Response:
        async with connected(app) as client:
            answer = await client.post("/predict", files=IMAGE)
            held.released.set()
            return answer

    answer = asyncio.run(wait())
    assert answer.status_code == 408
    assert answer.json()["detail"] == "Not done after 0.2 seconds: send fewer images."


def test_bytes_are_counted_over_all_requests_and_given_back(
    held: Held, tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve = Serve(max_files=5, max_bytes=10_000, max_requests=9, max_seconds=30.0)
    app = app_with(held, tmp_path, tiny_bundle, serve, monkeypatch)
    most = {"files": ("a.png", b"x" * 7_000)}

    async def crowd() -> list[int]:
        async with connected(app) as client:
            first = asyncio.create_task(client.post("/predict", files=most))
            await asyncio.to_thread(held.asked.wait, 30)
            second = await client.post("/predict", files=most)
            held.released.set()
            answers = [await first, second, await client.post("/predict", files=most)]
            return [answer.status_code for answer in answers]

    assert asyncio.run(crowd()) == [200, 429, 200]


def test_an_image_of_too_many_pixels_is_rejected_unopened(tmp_path: Path, tiny_bundle: Path) -> None:
    buffer = io.BytesIO()
    Pillow.new("L", (2_000, 1_000)).save(buffer, "PNG")
    predictor = Follower(str(tiny_bundle), Workspace(tmp_path)).current
    (row,) = predictor.predict([buffer.getvalue()])
    assert row["rejected"]
    assert row["reason"] == "2,000 x 1,000 pixels are more than image.max_pixels (1,000,000)"
