"""Propose pairs of pictures that may be copies of one another; pixels decide afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from giemsa.curation.neighbourhoods import remembered_nearest, remembered_pairs
from giemsa.curation.spectra import LEVELS, as_vectors

NEIGHBOURS = 8
RATIO = 0.95  # of the distance to the 9th neighbour: a copy lies closer than the crowd
SURELY_NEAR = 0.12  # squared distance of spectra at which a pair is looked at, whatever the crowd does
TOO_FAR = 0.6  # at which a pair of like hashes is none of like pictures; grey copies stand at 0.2 to 0.58
STAR_ABOVE = 64  # pictures with one and the same hash: beyond, they are compared with their first only

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Prints:
    """What tells copies apart, of ``n`` pictures of which no two have equal pixels.

    Args:
        whole: dHash of each whole picture, shape ``(n,)``, uint64.
        views: dHash of each centre under the eight symmetries, shape ``(n, 8)``, uint64.
        spectra: of the whole picture and of its centre, shape ``(n, 2, 171)``, uint8.
    """

    whole: NDArray[np.uint64]
    views: NDArray[np.uint64]
    spectra: NDArray[np.uint8]


@dataclass(frozen=True)
class Pairs:
    """Proposed pairs.

    Args:
        left: rows, shape ``(pairs,)``.
        right: rows, each above ``left``.
        left_view: what of ``left`` to compare, 0 the whole picture and 1 its centre.
        right_view: the same of ``right``.
    """

    left: Rows
    right: Rows
    left_view: Rows
    right_view: Rows


def propose(
    prints: Prints,
    *,
    max_distance: int,
    symmetries: bool,
    names: Sequence[str] = (),
    memory: Path | None = None,
) -> Pairs:
    """Propose pairs by dHash and by spectrum.

    dHash finds copies that were re-encoded, resized or re-exposed, all within a radius, exactly; spectra find
    shifted ones too, where hashes of 64 bits fail.

    Args:
        prints: of pictures whose pixels differ.
        max_distance: radius of the dHash, in bits.
        symmetries: whether turned and mirrored copies count.
        names: with ``memory``, a text for each picture that tells its content; pictures that stay from one
            time to the next keep their order.
        memory: a folder that remembers whose spectra and hashes are near; None: nothing is remembered.
    """
    cropped = (prints.spectra[:, 0] != prints.spectra[:, 1]).any(axis=1)
    hashed = [
        _by_hash(prints.whole, prints.whole[:, np.newaxis], max_distance, 0, memory),
        _by_hash(prints.views[:, 0], prints.views[:, :1], max_distance, 1, memory),
    ]
    if symmetries:  # seven chances of coincidence more: half the radius
        hashed.append(_by_hash(prints.views[:, 0], prints.views, max_distance // 2, 1, memory))
    like = _distinct(np.concatenate(hashed), len(cropped))
    like = like[_near_enough(prints.spectra, like)]
    proposed = np.concatenate([like, _by_spectrum(prints.spectra, cropped, names, memory)])
    # The centre of a picture that is not cropped is the picture itself.
    proposed[:, 2:] &= cropped[proposed[:, :2]]
    return Pairs(*_distinct(proposed, len(cropped)).T)


def _by_hash(
    hashes: NDArray[np.uint64], turned: NDArray[np.uint64], radius: int, view: int, memory: Path | None
) -> Rows:
    known, asked = _Owners(hashes[:, np.newaxis]), _Owners(turned)
    file = memory / f"hashes-{view}-{turned.shape[1]}-{radius}.parquet" if memory else None
    query, value = remembered_pairs(file, known.values, asked.values, radius)
    ours, theirs = asked.counts[query], known.counts[value]
    many = ours * theirs > STAR_ABOVE**2
    alone = np.ones_like(ours)
    proposed = [
        _expand(asked, known, query, value, np.where(many, alone, ours), theirs),
        _expand(asked, known, query[many], value[many], ours[many], alone[many]),
    ]
    return _ordered(np.concatenate(proposed), view, view)


class _Owners:
    """Which pictures have which hash: ``rows[starts[i] : starts[i] + counts[i]]`` have ``values[i]``."""

    def __init__(self, hashes: NDArray[np.uint64]) -> None:
        order = np.argsort(hashes, axis=None, kind="stable")
        values, rows = hashes.ravel()[order], order // hashes.shape[1]
        another = np.diff(values, prepend=~values[:1]) != 0
        first = another | (np.diff(rows, prepend=-1) != 0)  # of a picture that has the hash in several views
        self.rows = rows[first]
        self.starts = np.flatnonzero(another[first])
        self.values = values[another]
        self.counts = np.diff(self.starts, append=len(self.rows))


def _expand(asked: _Owners, known: _Owners, query: Rows, value: Rows, ours: Rows, theirs: Rows) -> Rows:
    """Pair the first ``ours`` owners of each query with the first ``theirs`` owners of its value."""
    sizes = ours * theirs
    pair = np.repeat(np.arange(len(query)), sizes)
    inside = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    left = asked.rows[asked.starts[query[pair]] + inside // theirs[pair]]
    right = known.rows[known.starts[value[pair]] + inside % theirs[pair]]
    return np.stack([left, right], axis=1)


def _by_spectrum(
    spectra: NDArray[np.uint8], cropped: NDArray[np.bool_], names: Sequence[str], memory: Path | None
) -> Rows:
    owner = np.concatenate([np.arange(len(spectra)), np.flatnonzero(cropped)])
    view = np.repeat([0, 1], [len(spectra), cropped.sum()])
    vectors = np.concatenate([spectra[:, 0], spectra[cropped, 1]]).astype(np.float32)
    asking = [f"{names[row]}{seen}" for row, seen in zip(owner, view, strict=True)] if memory else ()
    file = memory / "nearest.parquet" if memory else None
    rows, apart = remembered_nearest(file, asking, vectors, NEIGHBOURS + 1)
    if rows.shape[1] <= NEIGHBOURS:
        close = np.isfinite(apart)
    else:
        rows, apart, crowd = rows[:, :-1], apart[:, :-1], apart[:, -1:]
        close = (apart <= RATIO * crowd) | (apart <= SURELY_NEAR * LEVELS**2)
    first, which = np.nonzero(close)
    second = rows[first, which]
    return _ordered(np.stack([owner[first], owner[second]], axis=1), view[first], view[second])


def _ordered(pairs: Rows, left_view: Rows | int, right_view: Rows | int) -> Rows:
    """Give left, right, left's view and right's view with left below right; a row with itself is no pair."""
    table = np.empty((len(pairs), 4), dtype=np.int64)
    table[:, :2], table[:, 2], table[:, 3] = pairs, left_view, right_view
    turned = table[:, 0] > table[:, 1]
    table[turned] = table[turned][:, [1, 0, 3, 2]]
    return table[table[:, 0] < table[:, 1]]


def _distinct(pairs: Rows, count: int) -> Rows:
    """Sort rows of ``_ordered`` and drop repeated ones, as single numbers, which is much faster than as rows.

    Args:
        pairs: shape ``(n, 4)``.
        count: how many pictures there are, at most 1.5 billion.
    """
    left, right, left_view, right_view = pairs.T
    numbers = np.unique(((left * count + right) * 2 + left_view) * 2 + right_view)
    pair, views = np.divmod(numbers, 4)
    return np.stack([*np.divmod(pair, max(count, 1)), *np.divmod(views, 2)], axis=1)


def _near_enough(spectra: NDArray[np.uint8], proposed: Rows) -> NDArray[np.bool_]:
    near = np.empty(len(proposed), dtype=bool)
    for start in range(0, len(proposed), 1 << 16):
        left, right, left_view, right_view = proposed[start : start + (1 << 16)].T
        apart = as_vectors(spectra[left, left_view]) - as_vectors(spectra[right, right_view])
        near[start : start + (1 << 16)] = (apart**2).sum(axis=1) <= TOO_FAR
    return near
