"""Remember who is near whom: new vectors and hashes are compared with all, old ones with new ones only."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from giemsa.curation.nearest import EXACT_UP_TO, Rows, Vectors, improve, nearest, nobody
from giemsa.curation.neighbours import Hashes, pairs_within
from giemsa.curation.store import recalled, remember

SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


def remembered_nearest(
    file: Path | None, names: Sequence[str], vectors: Vectors, count: int
) -> tuple[Rows, Vectors]:
    """Find what ``nearest`` finds, starting from what ``file`` knows of earlier vectors.

    Beyond ``EXACT_UP_TO`` vectors nothing is remembered, as what is found then depends on all of them.

    Args:
        file: afterwards it knows these vectors and no others. None: nothing is remembered.
        names: a text for each vector that tells it from all others there ever were. Whatever comes or goes,
            those that stay keep their order, by which neighbours at equal distances are chosen.
        vectors: whole numbers below 256, shape ``(n, d)``, ``d`` at most 256: their squared distances are
            exact in float32, in whatever blocks they are computed.
        count: how many neighbours.
    """
    rows, distances = nobody(len(vectors), count)
    if file is None or len(vectors) > EXACT_UP_TO or rows.shape[1] == 0:
        return nearest(vectors, count)
    known, settled = _recall(file, names, rows, distances)
    improve(rows, distances, vectors, list(_searches(known, settled)))
    columns = {"name": pa.array(names, pa.string()), "row": _packed(rows), "distance": _packed(distances)}
    remember(file, pa.table(columns))
    return rows, distances


def remembered_pairs(file: Path | None, hashes: Hashes, queries: Hashes, radius: int) -> tuple[Rows, Rows]:
    """Find what ``pairs_within`` finds, starting from what ``file`` knows of earlier hashes.

    Args:
        file: of this radius; afterwards it knows these hashes and no others. None: nothing is remembered.
        hashes: distinct and ascending, shape ``(n,)``, all of them among ``queries``.
        queries: distinct and ascending, shape ``(m,)``.
        radius: largest Hamming distance, in bits.
    """
    if file is None:
        return pairs_within(hashes, queries, radius)
    found, asked, known = _recall_pairs(file, hashes, queries)
    for some, others in ((np.ones_like(known), ~asked), (~known, asked)):
        left, right = pairs_within(hashes[some], queries[others], radius)
        found.append((np.flatnonzero(others)[left], np.flatnonzero(some)[right]))
    left, right = (np.concatenate(ends) for ends in zip(*found, strict=True))
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    ends = np.searchsorted(left, np.arange(len(queries) + 1))
    near = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(hashes[right]))
    remember(file, pa.table({"query": queries, "hash": _found(queries, hashes) >= 0, "near": near}))
    return left, right


def _recall_pairs(
    file: Path, hashes: Hashes, queries: Hashes
) -> tuple[list[tuple[Rows, Rows]], NDArray[np.bool_], NDArray[np.bool_]]:
    """Give the known pairs among these hashes; tell which queries and which hashes were there before."""
    known = recalled(file)
    if known is None:
        return [], np.zeros(len(queries), dtype=bool), np.zeros(len(hashes), dtype=bool)
    table = known.combine_chunks()
    before, near = table["query"].to_numpy(), table["near"]
    counts = pc.list_value_length(near).to_numpy()
    left, right = np.repeat(_found(before, queries), counts), _found(pc.list_flatten(near).to_numpy(), hashes)
    still = (left >= 0) & (right >= 0)
    asked, known = _found(queries, before) >= 0, _found(hashes, before[table["hash"].to_numpy()]) >= 0
    return [(left[still], right[still])], asked, known


def _found(hashes: Hashes, among: Hashes) -> Rows:
    """Give the place of each hash among ascending ones, -1 where it is missing."""
    place, end = (np.searchsorted(among, hashes, side) for side in SIDES)
    return np.where(end > place, place, -1)


def _recall(
    file: Path, names: Sequence[str], rows: Rows, distances: Vectors
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Fill in what is known, in place; tell who was there before, and who has all neighbours of then."""
    settled = np.zeros(len(rows), dtype=bool)
    table = recalled(file)
    if table is None or table["row"].type.list_size != rows.shape[1]:
        return settled, settled
    before, now = table["name"].combine_chunks(), pa.array(names, pa.string())
    place, there = _places(now, before), _places(before, now)
    known = place >= 0
    found = there[_unpacked(table["row"])[place]]
    settled = known & (found >= 0).all(axis=1)
    rows[settled] = found[settled]
    distances[settled] = _unpacked(table["distance"])[place[settled]]
    return known, settled


def _searches(known: NDArray[np.bool_], settled: NDArray[np.bool_]) -> Iterator[tuple[Rows, Rows]]:
    if not settled.all():
        yield np.flatnonzero(~settled), np.arange(len(known))
    if settled.any() and not known.all():
        yield np.flatnonzero(settled), np.flatnonzero(~known)


def _places(names: pa.Array, among: pa.Array) -> Rows:
    """Give the place of each name, -1 where it is missing."""
    places: Rows = pc.index_in(names, value_set=among).fill_null(-1).to_numpy().astype(np.int64)
    return places


def _packed(table: Rows | Vectors) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(table.ravel()), table.shape[1])


def _unpacked(column: pa.ChunkedArray) -> NDArray[np.generic]:
    unpacked: NDArray[np.generic] = (
        pa.concat_arrays(column.chunks).flatten().to_numpy().reshape(-1, column.type.list_size)
    )
    return unpacked
