"""Time all pairs of 64-bit hashes within a radius, against FAISS and brute force, and draw the growth.

    .venv/bin/python benchmarks/neighbours.py --environments FOLDER [--largest 1000000] [--figure growth.png]

A fifth of the hashes are near copies of others, and one value stands there 100,000 times (or in a tenth of
fewer). FAISS is installed into an environment of its own below FOLDER, once. Every search is a process
of its own, whose peak memory is told; equal hashes are collapsed before. All must find the same pairs.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from environments import interpreter, run
from numpy.typing import NDArray

FAISS = "faiss-cpu==1.15.1"
MOST_EQUAL = 100_000
Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Way:
    """A way to search: what neighbour_ways.py calls it, whose package it is, and how far it can go."""

    title: str
    name: str
    package: str | None
    up_to: int


WAYS = (
    Way("giemsa", "giemsa", None, 10**9),
    Way("FAISS, multi-index", "multi", FAISS, 10**5),
    Way("FAISS, flat", "flat", FAISS, 10**6),
    Way("brute force, NumPy", "brute", None, 10**5),
)


def main() -> None:
    """Print one line per size and way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--environments", type=Path, required=True)
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--radius", type=int, default=8)
    parser.add_argument("--figure", type=Path)
    chosen = parser.parse_args()
    spent: dict[str, list[tuple[int, float]]] = {way.title: [] for way in WAYS}
    print(f"{FAISS}; radius {chosen.radius}\n")
    print("| hashes | distinct | way | pairs | wall s | CPU s | peak GiB |\n|---|---|---|---|---|---|---|")
    for power in range(4, len(str(chosen.largest))):
        size, agreed = 10**power, set()
        with tempfile.TemporaryDirectory() as place:
            file = Path(place) / "hashes.npy"
            values = np.unique(draw(size))
            np.save(file, values)
            for way in (way for way in WAYS if size <= way.up_to):
                script = str(Path(__file__).with_name("neighbour_ways.py"))
                python = str(interpreter(way.package, chosen.environments))
                printed, _, mebibytes = run([python, script, way.name, str(file), str(chosen.radius)])
                pairs, wall, cpu = printed.split()[-3:]
                agreed.add(pairs)
                spent[way.title].append((size, float(cpu)))
                figures = f"{int(pairs):,} | {float(wall):.1f} | {float(cpu):.1f} | {mebibytes / 1024:.2f}"
                print(f"| {size:,} | {len(values):,} | {way.title} | {figures} |", flush=True)
        assert len(agreed) == 1, agreed
    if chosen.figure:
        plot(spent, chosen.figure)


def draw(size: int) -> Hashes:
    """Draw hashes, a fifth within 6 bits of another, one value many times."""
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64, size, dtype=np.uint64)
    near = size // 5
    flips = np.zeros(near, np.uint64)
    for _ in range(6):
        flips ^= np.uint64(1) << random.integers(0, 64, near, dtype=np.uint64)
    hashes[-near:] = hashes[random.integers(0, size - near, near)] ^ flips
    hashes[random.permutation(size)[: min(size // 10, MOST_EQUAL)]] = hashes[0]
    return hashes


def plot(spent: dict[str, list[tuple[int, float]]], path: Path) -> None:
    """Draw CPU seconds over hashes, both logarithmic: a slope of one is linear growth, two is quadratic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for title, points in spent.items():
        axes.loglog(*zip(*points, strict=True), marker="o", label=title)
    axes.set(xlabel="hashes of 64 bits", ylabel="CPU seconds for all pairs")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)


if __name__ == "__main__":
    main()
