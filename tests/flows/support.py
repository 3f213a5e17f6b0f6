"""A fake project with quick stages, and the services of ``make up`` around it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil  # type: ignore[import-untyped]
import pytest
from ruamel.yaml import YAML

from flows.leash import leashed

ROOT = Path(__file__).parents[2]

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301"
    "0100c9fe92ef0000000049454e44ae426082"
)
STAGES: dict[str, dict[str, Any]] = {
    "deduplicate": {"deps": ["images.txt"], "outs": ["reports/duplicates"]},
    "train": {"deps": ["images.txt", "reports/duplicates"], "params": ["train"], "outs": ["models/network"]},
    "register": {"deps": ["models/network"], "outs": [{"reports/registration.json": {"cache": False}}]},
}
CONFIG = """[core]
    no_scm = true
    remote = store
['remote "store"']
    url = {url}
"""
QUICK = {"PREFECT_WORKER_QUERY_SECONDS": "1", "PREFECT_DEPLOYMENT_CONCURRENCY_SLOT_WAIT_SECONDS": "2"}


def make_project(folder: Path) -> Path:
    """Make a DVC project whose stages take no time, with the flows of the real one."""
    folder.mkdir()
    for name in ("params.yaml", "prefect.yaml", "services.env"):
        shutil.copy(ROOT / name, folder)
    (folder / "flows").symlink_to(ROOT / "flows")
    shutil.copy(ROOT / "tests" / "flows" / "work.py", folder)
    (folder / "images.txt").write_text("a")
    (folder / "data" / "raw").mkdir(parents=True)
    (folder / "classes.png").write_bytes(PIXEL)
    stages = {name: {"cmd": f"python work.py {name}"} | stage for name, stage in STAGES.items()}
    YAML().dump({"stages": stages}, folder / "dvc.yaml")
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").write_text(CONFIG.format(url=folder.parent / "store"))
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Services:
    """The services of ``make up`` for one project, and what a person does with them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ports = {name: free_port() for name in ("PREFECT_SERVER_API", "MLFLOW", "REPORTS")}
        self.mark = f"GIEMSA_TEST_{uuid4().hex}"
        ports = {f"{name}_PORT": str(port) for name, port in self.ports.items()}
        self.env = {**os.environ, **QUICK, **ports, self.mark: "1"}
        self.stack = ExitStack()
        log = self.stack.enter_context((root.parent / "up.log").open("wb"))
        # On a leash: however the tests end, the services end with them.
        command = [sys.executable, "-m", "flows.up"]
        self.process = self.stack.enter_context(leashed(command, cwd=root, env=self.env, stdout=log))
        self.api = httpx.Client(
            base_url=f"{self.address('PREFECT_SERVER_API')}/api",
            timeout=30,
            limits=httpx.Limits(max_keepalive_connections=0),  # a kept one may be closed as it is used again
        )

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def call(self, *arguments: str) -> str:
        """Run Python as a person would beside the services; give what it said."""
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=self.root, env=self.env, check=True, capture_output=True, text=True, timeout=120
        )
        return done.stdout

    def said(self) -> str:
        return (self.root.parent / "up.log").read_text()

    def wait_until_up(self) -> None:
        eventually(lambda: "Ctrl-C stops everything" in self.said() or self.process.poll() is not None, 150)
        assert self.process.poll() is None, self.said()

    def processes(self) -> list[psutil.Process]:
        """List every process that was started below the services, orphaned or not."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if self.mark in process.environ() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def running(self, words: str) -> list[psutil.Process]:
        return [process for process in self.processes() if words in " ".join(process.cmdline())]

    def program(self, words: str) -> psutil.Process:
        """Find a service's own process, which is not its leash."""
        (found,) = [each for each in self.running(words) if "leash.py" not in " ".join(each.cmdline())]
        return found

    def post(self, path: str, **body: Any) -> Any:
        answers = (self.api.post(path, json=body) for _ in range(5))
        # SQLite answers 503 when two writers meet; Prefect's own client tries again too.
        answer = next(answer for answer in answers if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE)
        answer.raise_for_status()
        return answer.json()

    def deployment(self, flow: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.api.get(f"/deployments/name/{flow}/giemsa").json()
        return answer

    def trigger(self, flow: str = "retrain", **parameters: Any) -> str:
        deployment = self.deployment(flow)["id"]
        run: str = self.post(f"/deployments/{deployment}/create_flow_run", parameters=parameters)["id"]
        return run

    def planned(self) -> Any:
        """List the retrainings that wait for their time."""
        retrain = {"id": {"any_": [self.deployment("retrain")["id"]]}}
        state = {"type": {"any_": ["SCHEDULED"]}}
        return self.post("/flow_runs/filter", deployments=retrain, flow_runs={"state": state})

    def runs(self, flow: str) -> Any:
        """List the runs of a deployment."""
        return self.post("/flow_runs/filter", deployments={"id": {"any_": [self.deployment(flow)["id"]]}})

    @cached_property
    def finished_run(self) -> str:
        """Run every stage once, and wait for the end."""
        run = self.trigger(force=True)
        self.wait_for(run)
        return run

    def state(self, run: str) -> dict[str, Any]:
        with suppress(httpx.TransportError):  # a server that is being started again
            answer: dict[str, Any] = self.api.get(f"/flow_runs/{run}").json()["state"]
            return answer
        return {"type": "UNKNOWN", "name": "Unknown"}

    def wait_for(self, run: str, timeout: float = 150) -> dict[str, Any]:
        """Wait for a run's final state."""
        final = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
        eventually(lambda: self.state(run)["type"] in final, timeout)
        return self.state(run)

    def tasks(self, run: str) -> dict[str, str]:
        """Give the state's name of every task run, by the task run's name."""
        found = self.post("/task_runs/filter", flow_runs={"id": {"any_": [run]}})
        return {task["name"]: task["state_name"] for task in found}

    def logs(self, run: str) -> str:
        found = self.post("/logs/filter", logs={"flow_run_id": {"any_": [run]}}, sort="TIMESTAMP_ASC")
        return "\n".join(line["message"] for line in found)

    def stop(self) -> None:
        """Stop everything, as the end of the tests would."""
        self.stack.close()


RUNNING = pytest.StashKey[Services]()


def shared_services(config: pytest.Config, folders: pytest.TempPathFactory) -> Services:
    """Give the services that all tests share: started once, and again where a test ended them."""
    running = config.stash.get(RUNNING, None)
    if running is None or running.process.poll() is not None:
        running = Services(make_project(folders.mktemp("services") / "project"))
        config.stash[RUNNING] = running
        config.add_cleanup(running.stop)
        running.wait_until_up()
    return running


def eventually(holds: Callable[[], object], timeout: float = 30) -> None:
    """Wait until something holds that other processes bring about."""
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)


def change_images(services: Services) -> None:
    """Give every stage something to do."""
    images = services.root / "images.txt"
    images.write_text(images.read_text() + "a")


@contextmanager
def held_in_training(services: Services, **parameters: Any) -> Iterator[str]:
    """Trigger a retraining that stands in its training until the block ends."""
    change_images(services)
    held = services.root / "held"
    held.unlink(missing_ok=True)
    (services.root / "hold").touch()
    run = services.trigger(**parameters)
    try:
        eventually(held.exists, 150)
        yield run
    finally:
        (services.root / "hold").unlink()
