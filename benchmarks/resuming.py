"""``giemsa predict`` on many files: time and memory, killed on the way and taken up again.

    .venv/bin/python benchmarks/resuming.py MODEL_FOLDER FOLDER_OF_IMAGES [--count 17000]

The images are linked as often as it takes. One run goes undisturbed; another is killed with SIGKILL when a
third of the rows are there, and started again. Exits with 1 where a row is missing, twice or different, where
a finished row was scored again, or where a process took 2 GiB.
"""

import argparse
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import pyarrow.parquet as pq

from giemsa.serving.predicting import ROWS_PER_PART

MOST_MIB = 2048


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--count", type=int, default=17_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.images.parent) as scratch:
        work = Path(scratch)
        link(given.images, work / "cells", given.count)
        begun = time.perf_counter()
        start(given.model, work, "whole.parquet").communicate()
        seconds = time.perf_counter() - begun
        kept, told = killed_and_resumed(given.model, work, given.count)
        whole, resumed = (pq.read_table(work / f"{name}.parquet") for name in ("whole", "resumed"))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    paths = len(set(whole["path"].to_pylist()))
    print(f"{given.count:,} files: {seconds:.1f} s, {memory:,.0f} MiB at most ({MOST_MIB:,} wanted)")
    print(f"killed with {kept:,} rows finished; started again it went on after {told:,}")
    same = resumed.equals(whole) and paths == len(whole) == given.count
    print(f"every image has exactly one row, the same in both: {same}")
    sys.exit(0 if same and told == kept and memory < MOST_MIB else 1)


def link(images: Path, folder: Path, count: int) -> None:
    """Give ``count`` files, each image as often as it takes."""
    folder.mkdir()
    for index, file in enumerate(islice(cycle(sorted(images.rglob("*.jpg"))), count)):
        os.link(file, folder / f"{index:06d}.jpg")


def start(model: Path, work: Path, out: str) -> subprocess.Popen[str]:
    """Begin to predict."""
    code = "from giemsa.cli import main; main()"
    arguments = ["predict", "cells", "--model", str(model.resolve()), "--out", out]
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=work, stderr=subprocess.PIPE, text=True
    )


def killed_and_resumed(model: Path, work: Path, count: int) -> tuple[int, int]:
    """Give the rows that were finished when the process was killed, and those that the next one took over."""
    parts = work / ".resumed.parquet.parts"
    process = start(model, work, "resumed.parquet")
    while process.poll() is None and len(list(parts.glob("*.arrow"))) * ROWS_PER_PART < count / 3:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = len(list(parts.glob("*.arrow"))) * ROWS_PER_PART
    _, said = start(model, work, "resumed.parquet").communicate()
    told = re.search(r"continuing after ([\d,]+)", said)
    return kept, int(told[1].replace(",", "")) if told else 0


if __name__ == "__main__":
    main()
