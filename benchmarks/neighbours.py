"""Time all pairs of 64-bit hashes within a radius, against FAISS (where installed) and brute force.

    .venv/bin/python benchmarks/neighbours.py [--largest 1000000] [--radius 8]

A fifth of the hashes are near copies of others, and one value fills a tenth. Memory is this process's peak.
"""

import argparse
import importlib.util
import resource
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from giemsa.curation.neighbours import pairs_within

BRUTE_UP_TO = 100_000
Hashes = NDArray[np.uint64]


def main() -> None:
    """Print one line per size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--radius", type=int, default=8)
    chosen = parser.parse_args()
    has_faiss = importlib.util.find_spec("faiss") is not None
    print("      hashes        pairs  giemsa s     CPU s   brute s   FAISS s  peak GiB")
    size = 10_000
    while size <= chosen.largest:
        hashes = draw(size)
        wall, cpu, pairs = timed(within, hashes, chosen.radius)
        slow = timed(brute, hashes, chosen.radius) if size <= BRUTE_UP_TO else None
        peer = timed(faiss_pairs, hashes, chosen.radius) if has_faiss else None
        for other in (slow, peer):
            assert other is None or other[2] == pairs
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        others = "".join(f"{other[0]:10.2f}" if other else f"{'-':>10}" for other in (slow, peer))
        print(f"{size:12,} {pairs:12,} {wall:9.2f} {cpu:9.2f}{others} {peak:9.2f}", flush=True)
        size *= 10


def draw(size: int) -> Hashes:
    """Draw hashes, a fifth within 6 bits of another, a tenth all equal."""
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64, size, dtype=np.uint64)
    near = size // 5
    flips = np.zeros(near, np.uint64)
    for _ in range(6):
        flips ^= np.uint64(1) << random.integers(0, 64, near, dtype=np.uint64)
    hashes[-near:] = hashes[random.integers(0, size - near, near)] ^ flips
    hashes[random.permutation(size)[: size // 10]] = hashes[0]
    return hashes


def within(hashes: Hashes, radius: int) -> int:
    """Count pairs of distinct values, as deduplication does."""
    values = np.unique(hashes)
    left, right = pairs_within(values, values, radius)
    return int((left < right).sum())


def brute(hashes: Hashes, radius: int) -> int:
    """Compare all with all."""
    values = np.unique(hashes)
    counts = (np.bitwise_count(values[row] ^ values[row + 1 :]) <= radius for row in range(len(values)))
    return sum(int(near.sum()) for near in counts)


def faiss_pairs(hashes: Hashes, radius: int) -> int:
    """Ask FAISS's flat binary index, which is exact."""
    import faiss

    values = np.unique(hashes).view(np.uint8).reshape(-1, 8)
    index = faiss.IndexBinaryFlat(64)
    index.add(values)
    limits, _, _ = index.range_search(values, radius + 1)
    return (int(limits[-1]) - len(values)) // 2


def timed(work: Callable[[Hashes, int], int], hashes: Hashes, radius: int) -> tuple[float, float, int]:
    """Give wall seconds, CPU seconds and the outcome."""
    wall, cpu = time.perf_counter(), time.process_time()
    outcome = work(hashes, radius)
    return time.perf_counter() - wall, time.process_time() - cpu, outcome


if __name__ == "__main__":
    main()
