"""Find the nearest neighbours of many vectors, without comparing all with all once there are many."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

EXACT_UP_TO = 40_000  # vectors: below, all are compared
PER_CELL = 2_000  # vectors in a cell of the partition
PROBES = 6  # cells that are searched for each vector
ROUNDS = 6  # of k-means
BLOCK = 256
PARTS = 8
SEED = 2024

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]


def nearest(vectors: Vectors, count: int) -> tuple[Rows, Vectors]:
    """Find the ``count`` nearest other vectors of each vector.

    Exact up to ``EXACT_UP_TO`` vectors. Beyond, vectors are parted by k-means and only the ``PROBES`` cells
    nearest to each are searched (an inverted file: Sivic and Zisserman, ICCV 2003); close pairs, which matter
    here, are hardly ever missed.

    Args:
        vectors: shape ``(n, d)``.
        count: how many neighbours; with fewer vectors there are fewer.

    Returns:
        Rows, nearest first, shape ``(n, k)`` with ``k = min(count, n - 1)``, and squared distances. Where a
        cell search finds fewer than ``k``, the row itself at distance infinity fills up.
    """
    rows, distances = nobody(len(vectors), count)
    improve(rows, distances, vectors, _searches(vectors))
    return rows, distances


def nobody(size: int, count: int) -> tuple[Rows, Vectors]:
    """Give the neighbours of ``size`` vectors before any are found: each itself, at distance infinity."""
    rows = np.repeat(np.arange(size)[:, np.newaxis], max(0, min(count, size - 1)), axis=1)
    return rows, np.full(rows.shape, np.inf, dtype=np.float32)


def improve(rows: Rows, distances: Vectors, vectors: Vectors, searches: Sequence[tuple[Rows, Rows]]) -> None:
    """Compare some vectors with others, and take what is nearer than what is known, in place.

    For one thread at a time: it limits those of matrix products, which is a matter of the whole process.

    Args:
        rows: neighbours known so far, nearest first, shape ``(n, k)``.
        distances: their squared distances, shape ``(n, k)``.
        vectors: shape ``(n, d)``.
        searches: rows that ask, and rows that they are compared with and do not know yet.
    """
    if rows.shape[1] == 0:
        return

    def search(asking: Rows, cell: Rows) -> None:
        _merge(rows, distances, asking, cell, _squared(vectors[asking], vectors[cell]))

    # Each block has a core of its own: a product of matrices that takes them all hinders the others.
    with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as pool:
        for asking, cell in searches:
            blocks = np.split(asking, range(BLOCK, len(asking), BLOCK))
            list(pool.map(search, blocks, [cell] * len(blocks)))


def pieces(asking: Rows, others: Rows) -> list[tuple[Rows, Rows]]:
    """Search some vectors among others, of which so many are compared at a time as memory allows."""
    return [(asking, others[start : start + EXACT_UP_TO]) for start in range(0, len(others), EXACT_UP_TO)]


def _searches(vectors: Vectors) -> list[tuple[Rows, Rows]]:
    """Say which vectors are compared with which."""
    everything = np.arange(len(vectors))
    if len(vectors) <= EXACT_UP_TO:
        return [(everything, everything)]
    centres = _centres(vectors)
    probes = np.empty((len(vectors), PROBES), dtype=np.int64)
    for start in range(0, len(vectors), BLOCK):
        apart = _squared(vectors[start : start + BLOCK], centres)
        probes[start : start + BLOCK] = np.argsort(apart, axis=1, kind="stable")[:, :PROBES]
    searches = []
    by_cell = np.argsort(probes, axis=None, kind="stable")
    bounds = np.searchsorted(probes.ravel()[by_cell], np.arange(len(centres) + 1))
    for cell in range(len(centres)):
        asking = by_cell[bounds[cell] : bounds[cell + 1]] // PROBES
        members = asking[probes[asking, 0] == cell]
        if len(members):
            searches.append((asking, members))
    return searches


def _centres(vectors: Vectors) -> Vectors:
    random = np.random.default_rng(SEED)
    count = max(PROBES, len(vectors) // PER_CELL)
    sample = vectors[np.sort(random.permutation(len(vectors))[: 64 * count])]
    centres = sample[np.sort(random.permutation(len(sample))[:count])]
    for _ in range(ROUNDS):
        owner = np.concatenate(
            [
                _squared(sample[start : start + BLOCK], centres).argmin(axis=1)
                for start in range(0, len(sample), BLOCK)
            ]
        )
        order = np.argsort(owner, kind="stable")
        used, begins = np.unique(owner[order], return_index=True)
        sizes = np.diff([*begins, len(sample)])
        centres[used] = np.add.reduceat(sample[order], begins, axis=0) / sizes[:, np.newaxis]
    return centres


def _squared(first: Vectors, second: Vectors) -> Vectors:
    apart: Vectors = -2 * first @ second.T
    apart += (first**2).sum(axis=1)[:, np.newaxis]
    apart += (second**2).sum(axis=1)
    return np.maximum(apart, 0, out=apart)


def _merge(rows: Rows, distances: Vectors, asking: Rows, cell: Rows, apart: Vectors) -> None:
    """Take what is nearer than what is known into ``rows`` and ``distances``, in place."""
    apart[asking[:, np.newaxis] == cell] = np.inf
    close = np.flatnonzero(apart <= _enough(apart, rows.shape[1])[:, np.newaxis])
    query, near = np.divmod(close, len(cell))
    counts = np.bincount(query, minlength=len(asking))
    place = np.arange(len(query)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = (len(asking), int(counts.max(initial=0)))
    candidates, values = np.zeros(shape, dtype=np.int64), np.full(shape, np.inf, dtype=np.float32)
    candidates[query, place], values[query, place] = cell[near], apart[query, near]
    candidates = np.concatenate([rows[asking], candidates], axis=1)
    values = np.concatenate([distances[asking], values], axis=1)
    best = np.lexsort((candidates, values))[:, : rows.shape[1]]
    rows[asking] = np.take_along_axis(candidates, best, axis=1)
    distances[asking] = np.take_along_axis(values, best, axis=1)


def _enough(apart: Vectors, count: int) -> Vectors:
    """Bound each row's ``count`` smallest values: so many parts of the row have their smallest below it."""
    width = apart.shape[1] // (PARTS * count)
    if width == 0:
        return np.full(len(apart), np.inf, dtype=np.float32)
    smallest = apart[:, : PARTS * count * width].reshape(len(apart), PARTS * count, width).min(axis=2)
    bound: Vectors = np.partition(smallest, count - 1, axis=1)[:, count - 1]
    return bound
