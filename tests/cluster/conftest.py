"""A cluster of two Ray nodes with a core each, both on loopback addresses."""

import os
import secrets
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil  # type: ignore[import-untyped]
import pytest

from flows.leash import leashed
from giemsa.engine import QUIET

PATIENCE_S = 300.0


class Cluster:
    """Two nodes, each started as a person would, and this process connected to them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.mark = f"GIEMSA_TEST_{uuid4().hex}"
        self._stack, self._folder, self._deadline = stack, folder, time.monotonic() + PATIENCE_S
        # Loopback addresses and ports of its own: clusters of one machine do not meet.
        network = f"127.{secrets.randbelow(254) + 1}.{secrets.randbelow(256)}"
        head, second = f"{network}.1", f"{network}.2"
        port, client_port = free_port(head), free_port(head)
        self.address = f"{head}:{port}"
        self.environment = QUIET | {
            "RAY_ADDRESS": self.address,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",
        }
        stack.callback(eventually, lambda: not self.processes())
        ports = [f"--port={port}", f"--ray-client-server-port={client_port}"]
        lean = ["--include-dashboard=false", "--no-monitor", f"--temp-dir={folder}"]
        self._start("--head", f"--node-ip-address={head}", *ports, *lean)
        self._start(f"--address={self.address}", f"--node-ip-address={second}")

    def _start(self, *options: str) -> None:
        ray = str(Path(sys.executable).with_name("ray"))
        own = ["--num-cpus=1", "--disable-usage-stats", "--dashboard-agent-listen-port=0"]
        command = [ray, "start", "--block", *own, *options]
        environment = {**os.environ, **self.environment, self.mark: "1"}
        environment.pop("RAY_ADDRESS")
        # On a busy machine a node gives up after half a minute, and is started again as a person would.
        while not self._comes_up(command, environment):
            assert time.monotonic() < self._deadline, "no node came up in time"

    def _comes_up(self, command: list[str], environment: dict[str, str]) -> bool:
        said = self._folder / f"{uuid4().hex}.log"
        with ExitStack() as attempt:
            log = attempt.enter_context(said.open("wb"))
            node = attempt.enter_context(leashed(command, cwd=self._folder, env=environment, stdout=log))
            eventually(lambda: node.poll() is not None or "Ray runtime started" in said.read_text())
            if node.poll() is None:
                self._stack.push(attempt.pop_all())
                return True
        return False

    def processes(self) -> list[psutil.Process]:
        """List what runs below the nodes, orphaned or not."""
        found = []
        for process in psutil.process_iter():
            try:
                if self.mark in process.environ() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Two nodes with a worker each that is ready; nothing of them is left afterwards."""
    # Below pytest's own folder the paths of Ray's sockets would be too long.
    folder = Path(tempfile.mkdtemp(prefix="giemsa-ray-"))
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        cluster = Cluster(folder, stack)
        for name, value in cluster.environment.items():
            patch.setenv(name, value)
        ray = pytest.importorskip("ray")
        ray._raylet.Config.initialize("")  # where another test has imported Ray before
        ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
        stack.callback(ray.shutdown)
        eventually(lambda: ray.cluster_resources().get("CPU") == 2)
        ray.get([_on(ray, node["NodeID"]).remote() for node in ray.nodes()])
        yield cluster


def _on(ray: Any, node: str) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return ray.remote(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False))(lambda: None)
