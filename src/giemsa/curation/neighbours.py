"""Find all pairs of 64-bit hashes within a Hamming radius: exactly, and without comparing all with all."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

BITS = 64
FEWEST = 3  # parts, so that a part has at most 22 bits and its table of offsets takes 16 MiB
AT_ONCE = 1 << 20  # candidate pairs that are compared in one go
NEAR = 1 << 16  # pairs that are compared in one go where all are, in the core's own cache
FEW = 256  # hashes, or queries: comparing so few with all others costs less than tables do

Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class _Part:
    """Some of the 64 bits; two hashes that match differ here in at most ``slack`` of them."""

    bits: tuple[int, ...]
    slack: int

    @property
    def mask(self) -> np.uint64:
        return np.uint64(sum(1 << bit for bit in self.bits))

    def flips(self) -> list[int]:
        """Give all ways to differ in at most ``slack`` bits, as masks of the key."""
        width = range(len(self.bits))
        return [
            sum(1 << bit for bit in chosen)
            for count in range(self.slack + 1)
            for chosen in combinations(width, count)
        ]

    def keys(self, hashes: Hashes) -> NDArray[np.uint32]:
        """Pull the part's bits together."""
        keys = np.zeros(len(hashes), dtype=np.uint32)
        for place, bit in enumerate(self.bits):
            keys |= ((hashes >> np.uint64(bit)) & np.uint64(1)).astype(np.uint32) << np.uint32(place)
        return keys


def pairs_within(hashes: Hashes, queries: Hashes, radius: int) -> tuple[Rows, Rows]:
    """Find every pair of a query and a hash that differ in at most ``radius`` bits.

    Multi-index hashing (Norouzi, Punjani and Fleet, CVPR 2012): the bits are cut into parts; by the
    pigeonhole principle a pair within the radius nearly agrees in one part at least, so only such pairs are
    compared. A pair that several parts would find is told by the first of them alone. Where there are but few
    hashes or queries, all pairs are compared.

    Args:
        hashes: shape ``(n,)``. Equal values cost their square: collapse them first.
        queries: shape ``(m,)``; may be ``hashes`` itself, then every row also finds itself.
        radius: largest Hamming distance, 0..64.

    Returns:
        Rows of ``queries`` and rows of ``hashes``, ordered by both, each of shape ``(pairs,)``.

    Raises:
        ValueError: if ``radius`` lies outside 0..64.
    """
    if not 0 <= radius <= BITS:
        message = f"a radius of {radius} lies outside 0..{BITS}"
        raise ValueError(message)
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    if min(len(hashes), len(queries)) <= FEW:
        found += _of_all(hashes, queries, radius)
    else:
        parts = _parts(len(hashes), radius)
        for number in range(len(parts)):
            found += _pairs_of(number, parts, hashes, queries, radius)
    left, right = np.concatenate([pair[0] for pair in found]), np.concatenate([pair[1] for pair in found])
    order = np.lexsort((right, left))
    return left[order], right[order]


def _of_all(hashes: Hashes, queries: Hashes, radius: int) -> Iterator[tuple[Rows, Rows]]:
    """Compare every query with every hash."""
    rows = max(1, NEAR // max(len(hashes), 1))

    def compare(start: int) -> tuple[Rows, Rows]:
        near = np.bitwise_count(queries[start : start + rows, np.newaxis] ^ hashes) <= radius
        left, right = np.nonzero(near)
        return start + left, right

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(compare, range(0, len(queries), rows))


def _parts(size: int, radius: int) -> list[_Part]:
    """Cut the bits into as many parts as make the search cheapest."""
    cuts = [_cut(count, radius) for count in range(FEWEST, max(FEWEST, min(radius + 1, BITS)) + 1)]
    return min(cuts, key=lambda parts: sum(_cost(part, size) for part in parts))


def _cut(count: int, radius: int) -> list[_Part]:
    """Cut into ``count`` parts whose slacks sum to ``radius + 1 - count``: no pair slips through them all."""
    slack, more = divmod(radius + 1 - count, count)
    # Every count-th bit, since neighbouring bits of a picture's hash go together.
    parts = [_Part(tuple(range(number, BITS, count)), slack + (number < more)) for number in range(count)]
    return [part for part in parts if part.slack >= 0]


def _cost(part: _Part, size: int) -> float:
    width = len(part.bits)
    ways = 1.0
    total = 1.0
    for count in range(1, part.slack + 1):
        ways *= (width - count + 1) / count
        total += ways
    return total * (1 + 2 * size / 2.0**width) + 2.0**width / max(size, 1)


def _pairs_of(
    number: int, parts: list[_Part], hashes: Hashes, queries: Hashes, radius: int
) -> Iterator[tuple[Rows, Rows]]:
    part, earlier = parts[number], parts[:number]
    keys = part.keys(hashes)
    order = np.argsort(keys, kind="stable").astype(np.uint32)
    starts = np.zeros((1 << len(part.bits)) + 1, dtype=np.uint32)
    np.cumsum(np.bincount(keys, minlength=len(starts) - 1), out=starts[1:])
    wanted = part.keys(queries)
    asking = np.argsort(wanted, kind="stable")  # in the order of keys the tables are read almost in sequence
    wanted = wanted[asking]

    def look_up(flip: int) -> list[tuple[Rows, Rows]]:
        pairs = _matches(wanted ^ np.uint32(flip), starts, order)
        return [compare(asking[left], right) for left, right in pairs]

    def compare(left: Rows, right: Rows) -> tuple[Rows, Rows]:
        differing = queries[left] ^ hashes[right]
        near = np.bitwise_count(differing) <= radius
        left, right, differing = left[near], right[near], differing[near]
        fresh = np.ones(len(left), dtype=bool)
        for before in earlier:
            fresh &= np.bitwise_count(differing & before.mask) > before.slack
        return left[fresh], right[fresh]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for pairs in pool.map(look_up, part.flips()):
            yield from pairs


def _matches(
    keys: NDArray[np.uint32], starts: NDArray[np.uint32], order: NDArray[np.uint32]
) -> Iterator[tuple[Rows, Rows]]:
    """Pair every query with all hashes whose key is ``keys``, at most about ``AT_ONCE`` at a time."""
    first = starts[keys]
    counts = starts[keys + np.uint32(1)] - first
    asking = np.flatnonzero(counts)
    first, counts = first[asking].astype(np.int64), counts[asking].astype(np.int64)
    ends = np.cumsum(counts)
    cuts = np.searchsorted(ends, np.arange(AT_ONCE, ends[-1] if len(ends) else 0, AT_ONCE), side="right")
    for rows, begin, count in zip(*(np.split(array, cuts) for array in (asking, first, counts)), strict=True):
        offsets = np.cumsum(count) - count
        inside = np.arange(count.sum()) - np.repeat(offsets - begin, count)
        yield np.repeat(rows, count), order[inside].astype(np.int64)
