"""``make up`` says in one sentence what keeps it from starting."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flows.services import settings
from flows.up import Running, bring_up, keep_up
from giemsa.errors import GiemsaError, UsageError
from giemsa.workspace import Workspace
from tests.flows.support import ROOT, free_port


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("services.env", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("PREFECT_SERVER_API_PORT", "MLFLOW_PORT", "REPORTS_PORT"):
        monkeypatch.setenv(name, str(free_port()))
    return tmp_path


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port: int = other.getsockname()[1]
        monkeypatch.setenv("MLFLOW_PORT", str(port))
        yield port


def test_a_port_that_is_taken_is_named_with_the_mend(root: Path, taken: int) -> None:
    with ExitStack() as stack, pytest.raises(UsageError) as caught:
        bring_up(Workspace(root), settings(root), stack)
    assert str(caught.value) == (
        f"Port {taken} on 127.0.0.1 is taken, so MLflow cannot start: "
        "stop the program that holds it, or change the port in services.env."
    )


def test_the_command_ends_with_that_sentence_and_its_exit_code(root: Path, taken: int) -> None:
    (root / "flows").symlink_to(ROOT / "flows")
    command = [sys.executable, "-m", "flows.up"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"Port {taken} ")
    assert done.stderr.count("\n") == 1


def test_a_program_that_cannot_live_ends_everything_with_its_last_words(tmp_path: Path) -> None:
    short = Running("Prefect", [sys.executable, "-c", "print('the database is broken')"], tmp_path, {})
    short.start()
    assert short.process is not None
    short.process.wait(20)
    with pytest.raises(GiemsaError, match=r"Prefect stops right after it starts \(the database is broken\)"):
        keep_up([short])
    short.stop()


def test_a_program_that_stops_later_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class EnoughError(Exception):
        pass

    def once_more(_: Running) -> None:
        raise EnoughError

    monkeypatch.setattr("flows.up.SHORT_LIFE_S", 0)
    stopping = Running("worker", [sys.executable, "-c", "pass"], tmp_path, {})
    stopping.start()
    assert stopping.process is not None
    stopping.process.wait(20)
    monkeypatch.setattr(Running, "start", once_more)
    with pytest.raises(EnoughError):
        keep_up([stopping])
