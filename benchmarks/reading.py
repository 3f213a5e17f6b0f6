"""Time reading and measuring of JPEG files against decoding alone, and whole audits beside other tools.

    .venv/bin/python benchmarks/reading.py CELLS.zip [--images 1000] [--repeat 17] [--environments FOLDER]

The other tools are installed into environments of their own below FOLDER, once; without it they are left out.
Contents that repeat are decoded once, so the rate over repeated files says little of the rate over distinct
ones: both are printed. CPU milliseconds are of all cores and hold on a busy machine, too.
"""

import argparse
import hashlib
import io
import os
import tempfile
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagehash
from environments import run
from peers import TOOLS
from PIL import Image as Pillow

from giemsa.curation.measuring import Measurements
from giemsa.settings import params_or_defaults

BESIDE = ("giemsa", "PHash, 4 bits", "cleanvision")  # of the tools that peers.py compares
IMAGE = params_or_defaults(Path(__file__).parents[1] / "params.yaml").image


def main() -> None:
    """Print one line per way of reading."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cells_zip", type=Path)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=17)
    parser.add_argument("--environments", type=Path, help="where the other tools live")
    chosen = parser.parse_args()
    with zipfile.ZipFile(chosen.cells_zip) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))[: chosen.images]
        contents = [archive.read(name) for name in names]
    show("decode alone (Pillow)", contents, decode_all)
    show("decode and imagehash.dhash", contents, hash_all)
    show("giemsa, distinct files", contents, measure_all)
    show(f"giemsa, each file {chosen.repeat} times", contents * chosen.repeat, measure_all)
    if chosen.environments:
        for times in (1, chosen.repeat):
            with tempfile.TemporaryDirectory() as place:
                audit_all(contents, times, Path(place), chosen.environments)


def show(name: str, contents: list[bytes], read: Callable[[list[bytes]], None]) -> None:
    """Time one way, the better of two runs."""
    best_wall = best_cpu = float("inf")
    for _ in range(2):
        wall, cpu = time.perf_counter(), time.process_time()
        read(contents)
        best_wall = min(best_wall, time.perf_counter() - wall)
        best_cpu = min(best_cpu, time.process_time() - cpu)
    each = 1000 * best_cpu / len(contents)
    print(f"{name:32} {len(contents):7,} files {len(contents) / best_wall:9,.0f} /s {each:8.2f} CPU ms each")


def audit_all(contents: list[bytes], times: int, place: Path, environments: Path) -> None:
    """Let every tool look through a folder that holds each file so many times, from start to end."""
    folder, found = place / "images", place / "found.json"
    folder.mkdir()
    for copy in range(times):
        for number, content in enumerate(contents):
            (folder / f"{number}_{copy}.jpg").write_bytes(content)
    print(f"\na whole audit, each file {times} times")
    for tool in (tool for tool in TOOLS if tool.title in BESIDE):
        command = tool.command(folder, found, environments)
        began = time.perf_counter()
        _, cpu, mebibytes = run(command)
        wall, count = time.perf_counter() - began, len(contents) * times
        spent = f"{wall:8.1f} s {cpu:8.1f} CPU s {mebibytes:8,.0f} MiB"
        print(f"{tool.package:32} {count:7,} files {spent}", flush=True)


def decode_all(contents: list[bytes]) -> None:
    """Decode on all cores and do nothing else."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda content: Pillow.open(io.BytesIO(content)).load() and None, contents))


def hash_all(contents: list[bytes]) -> None:
    """Decode and hash with imagehash on all cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda content: imagehash.dhash(Pillow.open(io.BytesIO(content))), contents))


def measure_all(contents: list[bytes]) -> None:
    """Measure everything that giemsa needs."""
    keyed = ((hashlib.sha256(content).hexdigest(), content) for content in contents)
    for _ in Measurements(None, IMAGE).measure(keyed):
        pass


if __name__ == "__main__":
    main()
