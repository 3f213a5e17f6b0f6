"""``giemsa serve`` lets nobody in by accident."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from giemsa.cli import serve  # noqa: F401  (registers the command)
from giemsa.cli.app import app
from giemsa.errors import UsageError


def test_beyond_loopback_a_token_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GIEMSA_TOKEN", raising=False)
    result = CliRunner().invoke(app, ["serve", "--host", "0.0.0.0"])
    assert isinstance(result.exception, UsageError)
    assert "GIEMSA_TOKEN" in str(result.exception)


def test_a_port_that_is_taken_is_one_sentence(
    tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        result = CliRunner().invoke(app, ["serve", "--port", port, "--model", str(tiny_bundle)])
    assert isinstance(result.exception, UsageError)
    assert str(result.exception).startswith(f"127.0.0.1:{port} cannot be listened on")
    assert "answers on" not in result.output


def test_without_a_model_nothing_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["serve", "--model", "nowhere"])
    assert isinstance(result.exception, UsageError)
    assert 'There is no model "nowhere"' in str(result.exception)
