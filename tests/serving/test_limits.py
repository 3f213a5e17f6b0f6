"""What a request may cost, and how it is told that it asked for more."""

import asyncio
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image as Pillow

from giemsa.registry.prediction import Predictor, Row
from giemsa.serving.app import create_app
from giemsa.serving.following import Follower
from giemsa.settings import Serve
from giemsa.workspace import Workspace

LIMITS = Serve(max_files=5, max_bytes=1_000_000, max_requests=9, max_seconds=30.0)


class Held:
    """A server whose model answers when it is told to."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self.asked = threading.Event()
        self.released = threading.Event()
        self._workspace = Workspace(folder)
        self._follower = Follower(str(bundle), self._workspace)
        self._follower.current.predict = self.predict  # type: ignore[method-assign, assignment]

    def predict(self, contents: list[bytes]) -> list[Row]:
        self.asked.set()
        self.released.wait(30)
        return [{"label": "ig", "confidence": 1.0, "rejected": False, "reason": ""} for _ in contents]

    def client(self, **limits: float) -> httpx.AsyncClient:
        app = create_app(self._workspace, self._follower, LIMITS.model_copy(update=limits))
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


@pytest.fixture
def held(tmp_path: Path, tiny_bundle: Path) -> Iterator[Held]:
    held = Held(tmp_path, tiny_bundle)
    yield held
    held.released.set()


def during_and_after(
    held: Held, content: bytes, **limits: float
) -> tuple[httpx.Response, httpx.Response, httpx.Response, httpx.Response]:
    """Ask; ask again, and for the server's health, while the first waits; ask when it has its answer."""

    async def ask() -> tuple[httpx.Response, httpx.Response, httpx.Response, httpx.Response]:
        form: dict[str, Any] = {"files": {"files": ("a.png", content)}}
        async with held.client(**limits) as client:
            first = asyncio.create_task(client.post("/predict", **form))
            await asyncio.to_thread(held.asked.wait, 30)
            second, health = await client.post("/predict", **form), await client.get("/healthz")
            held.released.set()
            return await first, second, health, await client.post("/predict", **form)

    return asyncio.run(ask())


def test_more_requests_than_allowed_are_told_to_come_back(held: Held) -> None:
    first, second, health, third = during_and_after(held, b"x", max_requests=1)
    assert (first.status_code, health.status_code, third.status_code) == (200, 200, 200)
    assert (second.status_code, second.headers["retry-after"]) == (429, "1")
    assert second.json()["detail"] == "Too many requests at once: try again in a second."


def test_bytes_are_counted_over_all_requests_and_given_back(held: Held) -> None:
    first, second, _, third = during_and_after(held, b"x" * 7_000, max_bytes=10_000)
    assert (first.status_code, second.status_code, third.status_code) == (200, 429, 200)


def test_a_request_that_takes_too_long_is_ended(held: Held) -> None:
    async def wait() -> httpx.Response:
        async with held.client(max_seconds=0.2) as client:
            answer = await client.post("/predict", files={"files": ("a.png", b"x")})
            held.released.set()
            return answer

    answer = asyncio.run(wait())
    assert answer.status_code == 408
    assert answer.json()["detail"] == "Not done after 0.2 seconds: send fewer images."


def test_an_image_of_too_many_pixels_is_rejected_unopened(predictor: Predictor) -> None:
    buffer = io.BytesIO()
    Pillow.new("L", (2_000, 1_000)).save(buffer, "PNG")
    (row,) = predictor.predict([buffer.getvalue()])
    assert row["rejected"]
    assert row["reason"] == "2,000 x 1,000 pixels are more than image.max_pixels (1,000,000)"
