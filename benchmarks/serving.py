"""The server under load: 32 connections while the champion changes; no failed request, memory flat.

    .venv/bin/python benchmarks/serving.py MODEL_FOLDER FOLDER_OF_IMAGES [--seconds 60] [--plot memory.png]

The model is registered twice in a project that is made for this alone, and the two versions become champion
in turn. Exits with 1 where an answer was a 5xx or none, or where memory grew.
"""

import argparse
import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.pop("MLFLOW_TRACKING_URI", None)

import httpx
import numpy as np

from giemsa.registry.promotion import move
from giemsa.registry.versions import register_version
from giemsa.settings import load_params
from giemsa.workspace import Workspace

CONNECTIONS = 32
PROMOTE_EVERY_S = 5.0
GROWTH = 0.05  # of the memory in the second quarter of the time, which the last quarter may exceed


def main() -> None:
    """Start a server, load it, and print what came back."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--plot", type=Path, help="a picture of the server's memory over time")
    given = parser.parse_args()
    contents = [file.read_bytes() for file in sorted(given.images.rglob("*.jpg"))[:200]]
    with tempfile.TemporaryDirectory() as folder:
        workspace = project(Path(folder), given.model)
        with serving(workspace) as (address, pid):
            load = Load(workspace, address, pid, contents, given.seconds)
            asyncio.run(load.run())
    if given.plot:
        plot(load.memory, load.moves, given.plot)
    sys.exit(0 if load.report() else 1)


def project(folder: Path, model: Path) -> Workspace:
    """Make a project with two versions in its registry."""
    workspace = Workspace(folder)
    shutil.copy(Path(__file__).parents[1] / "params.yaml", workspace.params)
    name = load_params(workspace.params).register_.model
    for fingerprint in ("first", "second"):
        register_version(workspace, model, name=name, run_id=None, tags={"fingerprint": fingerprint})
    move(workspace, name, action="promote", version="1", why="The first one.")
    return workspace


@contextmanager
def serving(workspace: Workspace) -> Iterator[tuple[str, int]]:
    """Run ``giemsa serve``; give its address and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = "from giemsa.cli import main; main()"
    server = subprocess.Popen(
        [sys.executable, "-c", code, "serve", "--port", str(port)],
        cwd=workspace.root,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                httpx.get(f"{address}/healthz")
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield address, server.pid
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


class Load:
    """Asks from all connections at once until the time is over, and keeps what it saw.

    Args:
        workspace: the project whose champion changes.
        address: the server's.
        pid: the server's process.
        contents: encoded images to ask for.
        seconds: how long.
    """

    def __init__(
        self, workspace: Workspace, address: str, pid: int, contents: list[bytes], seconds: float
    ) -> None:
        self._workspace, self._address, self._pid = workspace, address, pid
        self._contents, self._seconds = contents, seconds
        self._begun = time.monotonic()
        self.answers: Counter[str] = Counter()
        self.models: Counter[str] = Counter()
        self.waits: list[float] = []
        self.memory: list[tuple[float, float]] = []  # seconds, MiB
        self.moves: list[float] = []

    async def run(self) -> None:
        """Do it."""
        self._begun = time.monotonic()
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        async with httpx.AsyncClient(base_url=self._address, timeout=60, limits=limits) as client:
            asking = (self._ask(client, index) for index in range(CONNECTIONS))
            await asyncio.gather(self._watch(), asyncio.to_thread(self._promote), *asking)

    def report(self) -> bool:
        """Print the figures, and tell whether all held."""
        half, most = np.percentile(self.waits, [50, 99])
        rate = len(self.waits) / self._seconds
        print(f"answers {dict(self.answers)}, {rate:,.0f}/s, p50 {half:.0f} ms, p99 {most:.0f} ms")
        print(f"models {dict(self.models)}, {len(self.moves)} promotions")
        quarters = np.array_split([size for _, size in self.memory], 4)
        early, late = (float(np.median(quarters[index])) for index in (1, 3))
        growth = late / early - 1
        print(f"memory {early:,.0f} MiB in the second quarter, {late:,.0f} MiB in the last ({growth:+.1%})")
        clean = all(answer in {"200", "429"} for answer in self.answers)
        print(f"no failed request: {clean}; memory flat: {growth <= GROWTH}")
        return clean and growth <= GROWTH

    def _left(self) -> bool:
        return time.monotonic() - self._begun < self._seconds

    async def _ask(self, client: httpx.AsyncClient, index: int) -> None:
        while self._left():
            index += CONNECTIONS
            begun = time.perf_counter()
            content = self._contents[index % len(self._contents)]
            try:
                answer = await client.post("/predict", files={"files": ("a.jpg", content)})
            except httpx.HTTPError as error:
                self.answers[type(error).__name__] += 1
                continue
            self.waits.append(1000 * (time.perf_counter() - begun))
            self.answers[str(answer.status_code)] += 1
            self.models[answer.headers.get("x-giemsa-model", "")] += 1

    async def _watch(self) -> None:
        while self._left():
            self.memory.append((time.monotonic() - self._begun, resident(self._pid)))
            await asyncio.sleep(0.5)

    def _promote(self) -> None:
        name = load_params(self._workspace.params).register_.model
        while self._left():
            version = "21"[len(self.moves) % 2]
            move(self._workspace, name, action="promote", version=version, why="A load test.")
            self.moves.append(time.monotonic() - self._begun)
            time.sleep(PROMOTE_EVERY_S)


def resident(pid: int) -> float:
    """Read a process's resident memory, in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def plot(memory: list[tuple[float, float]], moves: list[float], path: Path) -> None:
    """Draw memory over time, with a line at each promotion."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 3.5), layout="constrained")
    axes.plot(*zip(*memory, strict=True), color="#6a3d9a")
    for when in moves:
        axes.axvline(when, color="#bbb", linewidth=0.8, zorder=0)
    axes.set(xlabel="seconds (grey: a promotion)", ylabel="resident memory, MiB", ylim=(0, None))
    axes.set_title(f"giemsa serve, {CONNECTIONS} connections")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
