"""Start what one machine needs: Prefect, MLflow, the reports, a worker, the deployments. Ctrl-C stops all."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Never

from flows.leash import leashed
from flows.services import POOL, Service, services, settings
from giemsa.errors import GiemsaError, UsageError
from giemsa.progress import say
from giemsa.workspace import Workspace, find_workspace

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

PATIENCE_S = 120.0
SHORT_LIFE_S = 20.0


@dataclass
class Running:
    """A started program, which ends with this one, and how to start it again."""

    name: str
    command: Sequence[str]
    root: Path
    env: Mapping[str, str]
    stack: ExitStack = field(default_factory=ExitStack)
    process: subprocess.Popen[str] | None = None
    since: float = 0.0

    @property
    def log(self) -> Path:
        """The file that takes what it prints."""
        return self.root / ".prefect" / "logs" / f"{self.name.lower()}.log"

    def start(self) -> None:
        """Start it; its output goes to its log file."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        stdout = self.stack.enter_context(self.log.open("ab"))
        leash = leashed(self.command, cwd=self.root, env=self.env, stdout=stdout)
        self.process = self.stack.enter_context(leash)
        self.since = time.monotonic()

    def stop(self) -> None:
        """Stop it with all it started."""
        self.stack.close()

    def is_alive(self) -> bool:
        """Tell whether it still runs."""
        return self.process is not None and self.process.poll() is None

    def last_words(self) -> str:
        """Give the last line of its log."""
        lines = (
            self.log.read_text(encoding="utf-8", errors="replace").split("\n") if self.log.exists() else []
        )
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def commands(workspace: Workspace, values: Mapping[str, str]) -> dict[str, list[str]]:
    """List what to start, by name, in the order to start it; stopping goes backwards."""
    tools = Path(sys.executable).parent
    reports = workspace.validation.parent
    reports.mkdir(exist_ok=True)
    store = f"sqlite:///{workspace.root}/mlflow.db"
    artifacts = ["--default-artifact-root", f"{workspace.root}/mlartifacts", "--no-serve-artifacts"]
    listen = ["--bind", values["REPORTS_HOST"], "--directory", str(reports), values["REPORTS_PORT"]]
    return {
        "Prefect": [f"{tools}/prefect", "server", "start"],
        "MLflow": [f"{tools}/mlflow", "server", "--backend-store-uri", store, *artifacts, "--workers", "1"],
        "reports": [sys.executable, "-m", "http.server", *listen],
        "worker": [f"{tools}/prefect", "worker", "start", "--pool", POOL, "--type", "process"],
    }


def bring_up(workspace: Workspace, values: Mapping[str, str], stack: ExitStack) -> list[Running]:
    """Start everything and deploy ``prefect.yaml``; what was started is stopped by ``stack``.

    Raises:
        UsageError: if a port is taken.
        GiemsaError: if a service does not come up.
    """
    listening = services(values)
    for service in listening:
        if service.is_taken():
            message = f"Port {service.port} on {service.host} is taken, so {service.name} cannot start: \
stop the program that holds it, or change the port in services.env."
            raise UsageError(message)
    env = {**os.environ, **values}
    started = [
        Running(name, command, workspace.root, env) for name, command in commands(workspace, values).items()
    ]
    for running in started[:-1]:
        _start(running, stack)
    for service, running in zip(listening, started, strict=False):
        _wait_for(service, running)
    _close_interrupted_runs(values)
    _deploy(workspace.root, env)
    _start(started[-1], stack)
    return started


def keep_up(started: list[Running]) -> Never:
    """Start again whatever stops, until told to stop; give up on what cannot live.

    Raises:
        GiemsaError: if a program stops again soon after it was started.
    """
    while True:
        time.sleep(1)
        for running in started:
            if running.is_alive():
                continue
            _give_up_on_short_life(running)
            say(f"{running.name} stopped (see {running.log}): starting it again.")
            running.stop()
            running.start()


def _start(running: Running, stack: ExitStack) -> None:
    stack.callback(running.stop)
    running.start()


def _give_up_on_short_life(running: Running) -> None:
    if time.monotonic() - running.since < SHORT_LIFE_S:
        message = f"{running.name} stops right after it starts ({running.last_words()}): see {running.log}."
        raise GiemsaError(message)


def _wait_for(service: Service, running: Running) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not service.answers():
        if not running.is_alive() or time.monotonic() > deadline:
            message = f"{service.name} did not come up ({running.last_words()}): see {running.log}."
            raise GiemsaError(message)
        time.sleep(0.2)
    say(f"{service.name:8} {service.address}")


def _close_interrupted_runs(values: Mapping[str, str]) -> None:
    """Say of runs that were under way when the machine went down that they are no more; nothing runs yet."""
    os.environ.update(values)  # Prefect reads them as it is imported
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.states import Crashed

    under_way = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}
    with get_client(sync_client=True) as client:
        for run in client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(under_way)):
            gone: State[None] = Crashed(message="The machine or its services went down in mid-run.")
            client.set_flow_run_state(run.id, gone, force=True)


def _deploy(root: Path, env: Mapping[str, str]) -> None:
    """Put the work pool and the deployments of ``prefect.yaml`` in place."""
    prefect = [f"{Path(sys.executable).parent}/prefect", "--no-prompt"]
    for command in (["work-pool", "create", POOL, "--type", "process", "--overwrite"], ["deploy", "--all"]):
        done = subprocess.run(  # noqa: S603
            [*prefect, *command], cwd=root, env=env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            reason = " ".join((done.stdout + done.stderr).split())[-500:]
            message = f"prefect.yaml cannot be deployed ({reason}): mend it and start again."
            raise GiemsaError(message)


def _interrupt(_number: int, _frame: FrameType | None) -> Never:
    raise KeyboardInterrupt


def main() -> int:
    """Bring everything up and keep it up; give the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell's background job ignores it
        signal.signal(number, _interrupt)
    workspace = find_workspace()
    try:
        with ExitStack() as stack:
            started = bring_up(workspace, settings(workspace.root), stack)
            say("worker   waits for scheduled runs. Ctrl-C stops everything.")
            keep_up(started)
    except KeyboardInterrupt:
        say("Everything is stopped.")
        return 0
    except GiemsaError as error:
        say(str(error))
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
