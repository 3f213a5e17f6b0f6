"""People are told through a block of their choice, and a message that fails never fails a run."""

import asyncio
import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.core import Block
from prefect.blocks.notifications import SlackWebhook
from pydantic import SecretStr

from flows.notifying import Email, notify


@pytest.fixture(autouse=True)
def in_the_project(project: Path) -> None:
    """The block's name is read from the project's ``services.env``."""


async def inside_a_loop(subject: str) -> None:
    notify(subject, "as before")


def serve_with(block: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIEMSA_NOTIFY", "some-block/lab")
    monkeypatch.setattr(Block, "load", lambda _: block)


def test_without_a_block_the_log_tells(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logging.getLogger("prefect"), "propagate", True)
    with caplog.at_level(logging.INFO, logger="prefect.giemsa"):
        notify("retrain: failed", "the disk is full")
    assert "retrain: failed: the disk is full" in caplog.text


def test_slack_is_told_subject_and_body(monkeypatch: pytest.MonkeyPatch) -> None:
    received = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"json://127.0.0.1:{server.server_port}"
        serve_with(SlackWebhook(url=SecretStr(url)), monkeypatch)
        notify("version 3 is champion", "it gains 0.8 points")
        with ThreadPoolExecutor(1) as thread:  # this one may hold a loop of the browser's
            thread.submit(asyncio.run, inside_a_loop("version 4 is champion")).result()
        server.shutdown()
    assert [(each["title"], each["message"]) for each in received] == [
        ("version 3 is champion", "it gains 0.8 points"),
        ("version 4 is champion", "as before"),
    ]


def test_an_e_mail_block_takes_any_smtp_address() -> None:
    block = Email(url=SecretStr("mailto://user:password@127.0.0.1:2525?from=a@example.org&to=b@example.org"))
    assert Email.get_block_type_slug() == "e-mail"
    assert len(block._apprise_client) == 1


def test_a_message_that_cannot_be_sent_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def notify(self, body: str, subject: str) -> None:
            message = f"nobody listens to {subject}: {body}"
            raise ConnectionError(message)

    monkeypatch.setattr(logging.getLogger("prefect"), "propagate", True)
    serve_with(Broken(), monkeypatch)
    with caplog.at_level(logging.WARNING, logger="prefect.giemsa"):
        notify("subject", "body")
    assert "Nobody was told through some-block/lab: nobody listens to subject: body" in caplog.text
