"""The server under load: 32 connections while the champion changes; no failed request, memory flat.

    .venv/bin/python benchmarks/serving.py PROJECT FOLDER_OF_IMAGES [--seconds 60]

PROJECT holds a registry with two versions or more; they are promoted in turn, which its history will show.
"""

import argparse
import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np

from giemsa.registry.connection import connect
from giemsa.registry.promotion import move
from giemsa.registry.versions import versions
from giemsa.settings import load_params
from giemsa.workspace import Workspace

CONNECTIONS = 32
PROMOTE_EVERY_S = 5.0


def main() -> None:
    """Start a server, load it, and print what came back."""
    parser = argparse.ArgumentParser()
    parser.add_argument("project", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    contents = [file.read_bytes() for file in sorted(given.images.rglob("*.jpg"))[:200]]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = "from giemsa.cli import main; main()"
    server = subprocess.Popen(
        [sys.executable, "-c", code, "serve", "--port", str(port)],
        cwd=given.project,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        asyncio.run(
            load(f"http://127.0.0.1:{port}", server.pid, contents, Workspace(given.project), given.seconds)
        )
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


async def load(address: str, pid: int, contents: list[bytes], workspace: Workspace, seconds: float) -> None:
    """Ask from all connections until the time is over."""
    answers: Counter[str] = Counter()
    models: Counter[str] = Counter()
    waits: list[float] = []
    memory: list[float] = []
    name = load_params(workspace.params).register_.model
    numbers = [str(version.version) for version in versions(connect(workspace), name)]
    async with httpx.AsyncClient(
        base_url=address, timeout=60, limits=httpx.Limits(max_connections=64)
    ) as client:
        await up(client)
        end = time.monotonic() + seconds

        async def ask(first: int) -> None:
            index = first
            while time.monotonic() < end:
                index += CONNECTIONS
                begun = time.perf_counter()
                try:
                    answer = await client.post(
                        "/predict", files={"files": ("a.jpg", contents[index % len(contents)])}
                    )
                except httpx.HTTPError as error:
                    answers[type(error).__name__] += 1
                    continue
                waits.append(1000 * (time.perf_counter() - begun))
                answers[str(answer.status_code)] += 1
                models[answer.headers.get("x-giemsa-model", "")] += 1

        async def watch() -> None:
            while time.monotonic() < end:
                memory.append(resident(pid))
                await asyncio.sleep(1)

        await asyncio.gather(
            watch(), asyncio.to_thread(promote, workspace, name, numbers, end), *map(ask, range(CONNECTIONS))
        )
    half, most = np.percentile(waits, [50, 99])
    print(f"answers {dict(answers)}, {len(waits) / seconds:,.0f}/s, p50 {half:.0f} ms, p99 {most:.0f} ms")
    print(f"models {dict(models)}")
    print("memory in MiB, second by second:", *(f"{value:.0f}" for value in memory))


async def up(client: httpx.AsyncClient) -> None:
    """Wait for the server."""
    for _ in range(600):
        try:
            await client.get("/healthz")
        except httpx.HTTPError:
            await asyncio.sleep(0.2)
        else:
            return


def promote(workspace: Workspace, name: str, numbers: list[str], end: float) -> None:
    """Make each version champion in turn."""
    turn = 0
    while time.monotonic() < end:
        move(workspace, name, action="promote", version=numbers[turn % len(numbers)], why="A load test.")
        turn += 1
        time.sleep(PROMOTE_EVERY_S)


def resident(pid: int) -> float:
    """Read a process's resident memory, in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
