"""``giemsa serve`` lets nobody in by accident."""

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


def test_without_a_model_nothing_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["serve", "--model", "nowhere"])
    assert isinstance(result.exception, UsageError)
    assert 'There is no model "nowhere"' in str(result.exception)
