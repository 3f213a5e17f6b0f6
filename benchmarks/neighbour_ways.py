"""Find all pairs of 64-bit hashes within a radius in one way: neighbours.py runs this, once for each way.

    PYTHON benchmarks/neighbour_ways.py WAY HASHES.npy RADIUS

HASHES.npy holds distinct values. Prints how many pairs there are, and the wall and CPU seconds that it took.
Each way imports what it needs, so that FAISS may live in an environment of its own.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
PARTS, WIDTH = 4, 16  # of FAISS's multi-index: four parts of 16 bits


def giemsa(values: Hashes, radius: int) -> int:
    """Ask what deduplication asks."""
    from giemsa.curation.neighbours import pairs_within

    left, right = pairs_within(values, values, radius)
    return int((left < right).sum())


def brute(values: Hashes, radius: int) -> int:
    """Compare all with all."""
    counts = (np.bitwise_count(values[row] ^ values[row + 1 :]) <= radius for row in range(len(values)))
    return sum(int(near.sum()) for near in counts)


def flat(values: Hashes, radius: int) -> int:
    """Ask FAISS's flat binary index, which compares all with all."""
    import faiss

    return _asked(faiss.IndexBinaryFlat(WIDTH * PARTS), values, radius)


def multi(values: Hashes, radius: int) -> int:
    """Ask FAISS's multi-index; a pair within the radius differs in few enough bits of one part at least."""
    import faiss

    index = faiss.IndexBinaryMultiHash(WIDTH * PARTS, PARTS, WIDTH)
    index.nflip = radius // PARTS
    return _asked(index, values, radius)


def _asked(index: object, values: Hashes, radius: int) -> int:
    codes = values.view(np.uint8).reshape(-1, 8)
    index.add(codes)
    found = 0
    for start in range(0, len(codes), 100_000):  # so that the answers of a part alone are in memory
        limits, _, _ = index.range_search(codes[start : start + 100_000], radius + 1)
        found += int(limits[-1])
    return (found - len(codes)) // 2


WAYS: dict[str, Callable[[Hashes, int], int]] = {
    "giemsa": giemsa,
    "brute": brute,
    "flat": flat,
    "multi": multi,
}


def main() -> None:
    """Search, and print three numbers."""
    way, file, radius = sys.argv[1:]
    values = np.load(file)
    wall, cpu = time.perf_counter(), time.process_time()
    pairs = WAYS[way](values, int(radius))
    print(pairs, time.perf_counter() - wall, time.process_time() - cpu)


if __name__ == "__main__":
    main()
