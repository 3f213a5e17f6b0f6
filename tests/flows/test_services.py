"""Addresses stand in one file, and whether a service runs is asked of the service."""

import os
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from flows.services import Service, services, settings
from flows.status import lines
from tests.flows.support import ROOT, free_port


def test_the_file_gives_every_address_and_loopback_is_the_default() -> None:
    found = services(settings(ROOT))
    assert [(each.name, each.address) for each in found] == [
        ("Prefect", "http://127.0.0.1:4200"),
        ("MLflow", "http://127.0.0.1:5000"),
        ("reports", "http://127.0.0.1:4201"),
    ]


def test_the_environment_wins_and_prefects_address_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_SERVER_API_PORT", "4999")
    assert settings(ROOT)["PREFECT_API_URL"] == "http://127.0.0.1:4999/api"


def test_the_environment_wins_under_make_too() -> None:
    def make(**environment: str) -> str:
        command = ["make", "--dry-run", "--old-file", ".venv/.run", "ui"]
        return subprocess.check_output(command, cwd=ROOT, text=True, env={**os.environ, **environment})

    assert "--port 5000" in make()
    assert "--port 5050" in make(MLFLOW_PORT="5050")


def test_nothing_is_sent_home_and_nothing_is_written_outside_the_project() -> None:
    values = settings(ROOT)
    assert values["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert values["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert values["DO_NOT_TRACK"] == "1"
    assert Path(values["PREFECT_HOME"]) == ROOT / ".prefect"


def test_a_service_is_up_when_it_says_so() -> None:
    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else 500)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        assert Service("it", "127.0.0.1", port, "/health").answers()
        ill = Service("it", "127.0.0.1", port, "/elsewhere")
        assert (ill.is_taken(), ill.answers()) == (True, False)
        server.shutdown()
    nothing = Service("it", "127.0.0.1", free_port(), "/health")
    assert (nothing.is_taken(), nothing.answers()) == (False, False)


def test_status_of_a_project_at_rest_says_how_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("services.env", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("PREFECT_SERVER_API_PORT", "MLFLOW_PORT", "REPORTS_PORT"):
        monkeypatch.setenv(name, str(free_port()))
    *stopped, mend = lines()
    assert all(line.endswith("is not started") for line in stopped)
    assert mend == 'Start everything with "make up".'
